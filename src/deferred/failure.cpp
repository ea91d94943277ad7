#include <whorl/deferred/failure.h>

#include <fmt/format.h>

namespace whorl {

struct failure::data {
  class error error;
  std::exception_ptr foreign;  // what was thrown, where that was no whorl::error
  std::vector<std::source_location> awaits;
};

// What raise() throws for an error: the error, and the failure that it came from.
struct failure::raised_error : error {
  explicit raised_error(std::shared_ptr<data> from) : error(from->error), origin(std::move(from)) {}
  std::shared_ptr<data> origin;
};

// A foreign exception cannot carry its failure, so the thread remembers the one that it raised last.
std::shared_ptr<failure::data>& failure::last_raised_foreign() {
  static thread_local std::shared_ptr<data> last;
  return last;
}

failure::failure(class error error) : data_(std::make_shared<data>(data{std::move(error), nullptr, {}})) {}

failure::failure(errc code, std::source_location origin) : failure(whorl::error(code, origin)) {}

failure failure::current() {
  std::exception_ptr thrown = std::current_exception();
  if (!thrown) {
    throw;
  }
  auto known = std::move(last_raised_foreign());
  if (known && known->foreign == thrown) {
    return failure(std::move(known));
  }
  const auto foreign = [&thrown](const char* what) {
    return failure(std::make_shared<data>(data{whorl::error(errc::exception, what, {}), thrown, {}}));
  };
  try {
    throw;
  } catch (const raised_error& again) {
    return failure(again.origin);
  } catch (const whorl::error& fresh) {
    return failure(fresh);
  } catch (const std::exception& other) {
    return foreign(other.what());
  } catch (...) {
    return foreign("something that is no std::exception was thrown");
  }
}

const error& failure::error() const noexcept { return data_->error; }

std::exception_ptr failure::exception() const noexcept { return data_->foreign; }

void failure::raise() const {
  if (!data_->foreign) {
    throw raised_error(data_);
  }
  last_raised_foreign() = data_;
  std::rethrow_exception(data_->foreign);
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
