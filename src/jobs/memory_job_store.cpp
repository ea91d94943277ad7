#include <whorl/jobs/memory_job_store.h>

#include "jobs/job_engine.h"
#include "jobs/memory_job_rows.h"

#include <utility>

namespace whorl {

namespace {

class memory_job_store final : public job_store {
 public:
  memory_job_store(reactor& loop, memory_job_store_options options) noexcept : loop_(loop), options_(options) {}
  ~memory_job_store() override { stop_running(); }

 private:
  deferred<answered_operations> run(std::vector<job_operation> operations) override {
    return loop_.sleep(duration::zero()).add_callback([this, operations = std::move(operations)]() mutable {
      return answer(std::move(operations));
    });
  }

  answered_operations answer(std::vector<job_operation> operations) {
    job_engine engine(rows_, totals_, options_.limits, options_.clock());
    answered_operations answered;
    for (job_operation& operation : operations) {
      answered.answers.push_back(engine.apply(std::move(operation)));
    }
    answered.changes = engine.take_changes();
    return answered;
  }

  reactor& loop_;
  memory_job_store_options options_;
  memory_job_rows rows_;
  job_totals totals_;
};

}  // namespace

std::unique_ptr<job_store> make_memory_job_store(reactor& loop, memory_job_store_options options) {
  return std::make_unique<memory_job_store>(loop, options);
}

}  // namespace whorl
