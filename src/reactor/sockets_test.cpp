#include "reactor/sockets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

namespace whorl {
namespace {

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t bytes = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &bytes), 0);
  return value;
}

TEST(Sockets, StreamsOnBothSidesDoNotWaitToGatherBytes) {
  const auto listening = open_listening_socket(address::tcp("127.0.0.1", 0).value(), {});
  ASSERT_TRUE(listening);
  const address at = local_address_of(listening->fd.get());
  const auto client = open_stream_socket(at);
  ASSERT_TRUE(client);
  ::connect(client->get(), at.raw(), at.raw_bytes());
  pollfd waiting{.fd = listening->fd.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&waiting, 1, 10000), 1);
  const unique_fd server(::accept4(listening->fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_EQ(option(client->get(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(server.get(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(peer_address_of(client->get()), at);
  EXPECT_EQ(peer_address_of(server.get()), local_address_of(client->get()));
}

TEST(Sockets, AreClosedOnExecAndDoNotBlock) {
  const auto listening = open_listening_socket(address::tcp("::1", 0).value(), {});
  ASSERT_TRUE(listening) << listening.error().what();
  EXPECT_EQ(::fcntl(listening->fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fcntl(listening->fd.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(option(listening->fd.get(), SOL_SOCKET, SO_REUSEADDR), 1);
}

TEST(Sockets, S94_AListenErrorNamesTheAddressTheReasonAndTheCure) {
  const auto elsewhere = open_listening_socket(address::tcp("192.0.2.1", 8080).value(), {});
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().message(),
            "listen \"tcp:192.0.2.1:8080\": Cannot assign requested address; this host has no such address: "
            "tcp:*:PORT listens on all that it has");
  const auto nowhere = open_listening_socket(address::unix_path("/no/such/directory/socket").value(), {});
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message().find("create it or choose another path"), std::string::npos);
}

}  // namespace
}  // namespace whorl
