#include <whorl/places/defer_to.h>
#include <whorl/places/thread_pool.h>

#include <utility>

namespace whorl {

thread_pool::thread_pool(thread_pool_options options)
    : threads_(
          std::make_shared<detail::pool_threads>(detail::work_queue_limits{.name = std::move(options.name),
                                                                           .most_threads = options.most_threads,
                                                                           .most_queued = options.most_queued,
                                                                           .longest_idle = options.longest_idle,
                                                                           .report_after = options.report_after})) {}

thread_pool::~thread_pool() { threads_->close(); }

deferred<void> thread_pool::stop(duration patience) { return threads_->stop(patience); }

const std::string& thread_pool::name() const noexcept { return threads_->name(); }

place_statistics thread_pool::statistics() const noexcept { return threads_->statistics(); }

}  // namespace whorl
