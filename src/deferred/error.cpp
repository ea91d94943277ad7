#include <whorl/deferred/error.h>

#include <fmt/format.h>

#include <utility>

namespace whorl {

namespace {

class whorl_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "whorl"; }

  std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::cancelled: return "cancelled";
      case errc::timed_out: return "timed out";
      case errc::connection_done: return "the connection ended in order";
      case errc::connection_lost: return "the connection was lost";
      case errc::connection_aborted: return "the connection was aborted by this side";
      case errc::closed: return "closed";
      case errc::not_found: return "not found";
      case errc::bad_input: return "bad input";
      case errc::too_large: return "too large";
      case errc::full: return "full";
      case errc::shutting_down: return "shutting down";
      case errc::all_failed: return "every attempt failed";
      case errc::broken_promise: return "the promise was destroyed without being fired";
      case errc::exception: return "an exception was thrown";
      case errc::unsupported: return "not supported here";
      case errc::conflict: return "in conflict with the present state";
    }
    return "unknown error";
  }
};

}  // namespace

std::error_code make_error_code(errc code) noexcept {
  static const whorl_category category;
  return {static_cast<int>(code), category};
}

error::error(errc code, std::string message, location where)
    : error(make_error_code(code), std::move(message), where) {}

error::error(std::error_code code, std::string message, location where)
    : code_(code), message_(std::make_shared<const std::string>(std::move(message))), where_(where) {}

error error::system(int error_number, std::string doing, std::string hint, location where) {
  const std::error_code code(error_number, std::system_category());
  std::string text = fmt::format("{}: {}", doing, code.message());
  if (!hint.empty()) {
    text += "; " + hint;
  }
  return error(code, std::move(text), where);
}

const char* error::what() const noexcept {
  if (!message_) {
    try {
      // Codes have few texts, and what() must hand out memory that lives as long as the error.
      static thread_local std::string text;
      text = code_.message();
      return text.c_str();
    } catch (...) {
      return "error";
    }
  }
  return message_->c_str();
}

}  // namespace whorl
