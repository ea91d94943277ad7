// An address is where a stream listens or connects to: an IPv4 or IPv6 address with a port, or a UNIX socket's path.
//
// Thread: a value. Source: ip(7), ipv6(7), unix(7).
#pragma once

#include <whorl/deferred/error.h>

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace whorl {

class address {
 public:
  address() noexcept = default;

  // A literal: "127.0.0.1", "::1"; "*" is every IPv4 address, "localhost" is 127.0.0.1 (RFC 6761, 6.3).
  // Fails: errc::bad_input for a name: names are the resolver's.
  static result<address> tcp(std::string_view host, std::uint16_t port);

  // Fails: errc::bad_input for an empty path or one of more than 107 bytes.
  static result<address> unix_path(std::string_view path);

  static address from_sockaddr(const sockaddr* raw, socklen_t bytes) noexcept;

  const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t raw_bytes() const noexcept { return bytes_; }
  int family() const noexcept { return storage_.ss_family; }

  // 0 for a UNIX socket. with_port gives the same host with another one.
  std::uint16_t port() const noexcept;
  address with_port(std::uint16_t port) const noexcept;

  // As an endpoint description: tcp:127.0.0.1:80, tcp:[::1]:80, unix:/run/x.sock.
  std::string to_string() const;

  bool operator==(const address& other) const noexcept;

 private:
  sockaddr_storage storage_{};
  socklen_t bytes_ = 0;
};

}  // namespace whorl
