#include <whorl/deferred/failure.h>

#include <fmt/format.h>

namespace whorl {

struct failure::data {
  class error error;
  std::exception_ptr exception;  // made when first raised, or what was caught
  bool foreign = false;          // exception is no whorl::error
  std::vector<std::source_location> awaits;
};

namespace {

// The failure that this thread raised last: catching it again must not make a new one.
template <class Data>
std::weak_ptr<Data>& last_raised() {
  static thread_local std::weak_ptr<Data> last;
  return last;
}

}  // namespace

failure::failure(class error error) : data_(std::make_shared<data>(data{std::move(error), nullptr, false, {}})) {}

failure::failure(errc code, std::source_location origin) : failure(whorl::error(code, origin)) {}

failure failure::current() {
  std::exception_ptr exception = std::current_exception();
  if (!exception) {
    throw;
  }
  if (auto known = last_raised<data>().lock(); known && known->exception == exception) {
    return failure(std::move(known));
  }
  const std::source_location unknown;
  try {
    throw;
  } catch (const whorl::error& thrown) {
    return failure(std::make_shared<data>(data{thrown, std::move(exception), false, {}}));
  } catch (const std::exception& thrown) {
    return failure(std::make_shared<data>(
        data{whorl::error(errc::exception, thrown.what(), unknown), std::move(exception), true, {}}));
  } catch (...) {
    return failure(std::make_shared<data>(
        data{whorl::error(errc::exception, "something that is no std::exception was thrown", unknown),
             std::move(exception), true, {}}));
  }
}

const error& failure::error() const noexcept { return data_->error; }

std::exception_ptr failure::exception() const noexcept { return data_->foreign ? data_->exception : nullptr; }

void failure::raise() const {
  if (!data_->exception) {
    data_->exception = std::make_exception_ptr(data_->error);
  }
  last_raised<data>() = data_;
  std::rethrow_exception(data_->exception);
}

const std::source_location& failure::origin() const noexcept { return data_->error.where(); }

const std::vector<std::source_location>& failure::awaits() const noexcept { return data_->awaits; }

void failure::came_through(const std::source_location& await) { data_->awaits.push_back(await); }

std::string failure::describe() const {
  std::string text = error().what();
  if (origin().line() != 0) {
    text += fmt::format("\n  arose at {}:{} in {}", origin().file_name(), origin().line(), origin().function_name());
  }
  for (const auto& await : awaits()) {
    text += fmt::format("\n  awaited at {}:{} in {}", await.file_name(), await.line(), await.function_name());
  }
  return text;
}

}  // namespace whorl
