#include <whorl/web/request.h>

#include <algorithm>
#include <utility>

namespace whorl::web {

namespace {

int hexadecimal_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes "http://host" off an absolute target, and gives the host.
std::string_view take_authority(std::string_view& target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return {};
  target.remove_prefix(scheme + 3);
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  const std::string_view authority = target.substr(0, end);
  target.remove_prefix(end);
  return authority;
}

result<request::pairs> parse_query(std::string_view text) {
  request::pairs all;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), plus_sign::means_blank);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), plus_sign::means_blank);
    if (!name) return std::unexpected(name.error());
    if (!value) return std::unexpected(value.error());
    all.emplace_back(std::move(*name), std::move(*value));
  }
  return all;
}

}  // namespace

result<std::string> percent_decode(std::string_view text, plus_sign plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == plus_sign::means_blank) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? hexadecimal_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hexadecimal_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0)) {
        return std::unexpected(error(errc::bad_input, "\"" + std::string(text) +
                                                          "\" is badly encoded: a % must be followed by two "
                                                          "hexadecimal digits other than 00; write %25 for a %"));
      }
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return decoded;
}

result<request> request::from(http::request_head head, std::string body, address peer) {
  request made;
  made.method_ = head.method;
  made.headers_ = std::move(head.fields);
  made.body_ = std::move(body);
  made.peer_ = peer;

  std::string_view target = head.target;
  const std::string_view authority = take_authority(target);
  made.host_ = authority.empty() ? made.header("host") : authority;
  const std::size_t question = std::min(target.find('?'), target.size());
  made.path_ = question == 0 ? "/" : target.substr(0, question);
  auto query = parse_query(target.substr(std::min(question + 1, target.size())));
  if (!query) return std::unexpected(query.error());
  made.query_ = std::move(*query);
  return made;
}

const std::string& request::parameter(std::string_view name) const {
  const auto found =
      std::ranges::find(parameters_, name, [](const auto& pair) -> std::string_view { return pair.first; });
  if (found == parameters_.end()) {
    throw misuse("web::request::parameter: the route has no {" + std::string(name) + "}; name it in the pattern");
  }
  return found->second;
}

std::optional<std::string_view> request::query(std::string_view name) const noexcept {
  const auto found = std::ranges::find(query_, name, [](const auto& pair) -> std::string_view { return pair.first; });
  return found == query_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

}  // namespace whorl::web
