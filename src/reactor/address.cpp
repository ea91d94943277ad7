#include <whorl/reactor/address.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace whorl {

namespace {

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

const sockaddr_in& v4(const sockaddr* raw) noexcept { return *reinterpret_cast<const sockaddr_in*>(raw); }
const sockaddr_in6& v6(const sockaddr* raw) noexcept { return *reinterpret_cast<const sockaddr_in6*>(raw); }

// What stands between the offset of the path and the end; an abstract name starts with a NUL, a path ends with one.
std::string_view path_in(const sockaddr* raw, socklen_t bytes) noexcept {
  if (bytes <= path_offset) {
    return {};
  }
  const std::string_view all(reinterpret_cast<const sockaddr_un*>(raw)->sun_path, bytes - path_offset);
  return all.front() == '\0' ? all : all.substr(0, all.find('\0'));
}

std::string tcp_text(int family, const void* host, std::uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, host, text.data(), text.size());
  return family == AF_INET6 ? fmt::format("tcp:[{}]:{}", text.data(), port)
                            : fmt::format("tcp:{}:{}", text.data(), port);
}

}  // namespace

result<address> address::tcp(std::string_view host, std::uint16_t port) {
  std::string literal(host == "*" ? "0.0.0.0" : host == "localhost" ? "127.0.0.1" : host);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  if (::inet_pton(AF_INET, literal.c_str(), &four.sin_addr) == 1) {
    return from_sockaddr(reinterpret_cast<const sockaddr*>(&four), sizeof four);
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  if (::inet_pton(AF_INET6, literal.c_str(), &six.sin6_addr) == 1) {
    return from_sockaddr(reinterpret_cast<const sockaddr*>(&six), sizeof six);
  }
  return std::unexpected(error(errc::bad_input, fmt::format("\"{}\" is no IP address: give a literal such as 127.0.0.1 "
                                                            "or ::1, or resolve the name first",
                                                            host)));
}

result<address> address::unix_path(std::string_view path) {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof raw.sun_path) {
    return std::unexpected(
        error(errc::bad_input, fmt::format("the path of a UNIX socket has 1 to {} bytes, and \"{}\" has "
                                           "{}: choose a shorter one",
                                           sizeof raw.sun_path - 1, path, path.size())));
  }
  std::ranges::copy(path, raw.sun_path);
  return from_sockaddr(reinterpret_cast<const sockaddr*>(&raw), static_cast<socklen_t>(path_offset + path.size() + 1));
}

address address::from_sockaddr(const sockaddr* raw, socklen_t bytes) noexcept {
  address made;
  made.bytes_ = std::min(bytes, static_cast<socklen_t>(sizeof made.storage_));
  std::memcpy(&made.storage_, raw, made.bytes_);
  return made;
}

std::uint16_t address::port() const noexcept {
  switch (family()) {
    case AF_INET: return ntohs(v4(raw()).sin_port);
    case AF_INET6: return ntohs(v6(raw()).sin6_port);
    default: return 0;
  }
}

address address::with_port(std::uint16_t port) const noexcept {
  address changed = *this;
  if (family() == AF_INET) {
    reinterpret_cast<sockaddr_in&>(changed.storage_).sin_port = htons(port);
  } else if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(changed.storage_).sin6_port = htons(port);
  }
  return changed;
}

std::string address::to_string() const {
  switch (family()) {
    case AF_INET: return tcp_text(AF_INET, &v4(raw()).sin_addr, port());
    case AF_INET6: return tcp_text(AF_INET6, &v6(raw()).sin6_addr, port());
    case AF_UNIX: return fmt::format("unix:{}", path_in(raw(), bytes_));
    default: return "none";
  }
}

bool address::operator==(const address& other) const noexcept {
  if (family() != other.family()) {
    return false;
  }
  switch (family()) {
    case AF_INET: return port() == other.port() && v4(raw()).sin_addr.s_addr == v4(other.raw()).sin_addr.s_addr;
    case AF_INET6:
      return port() == other.port() && v6(raw()).sin6_scope_id == v6(other.raw()).sin6_scope_id &&
             std::memcmp(&v6(raw()).sin6_addr, &v6(other.raw()).sin6_addr, sizeof(in6_addr)) == 0;
    default: return path_in(raw(), bytes_) == path_in(other.raw(), other.bytes_);
  }
}

}  // namespace whorl
