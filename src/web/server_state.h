// What a server and its connections share.
//
// Thread:   the loop's.
// Lifetime: shared by the server and its connections; the server empties it when it is destroyed.
#pragma once

#include <whorl/deferred/promise.h>
#include <whorl/net/endpoint.h>
#include <whorl/reactor/reactor.h>
#include <whorl/web/server.h>

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include "web/routes.h"

namespace whorl::web {

class http_connection;
struct handling;

struct server::state : std::enable_shared_from_this<state> {
  state(reactor& its_loop, server_options its_options) : loop(its_loop), options(its_options) {}

  // For the factory: the protocol of a new connection.
  std::unique_ptr<protocol> accept();

  void add(http_connection& opened);
  void remove(http_connection& lost);

  // Cancels a handler whose peer has left, and keeps it until it has finished.
  void leave_behind(std::unique_ptr<handling> left);
  void forget(handling& finished);

  void begin_stop();
  void abort_all() noexcept;

  reactor& loop;
  server_options options;
  route_table routes;
  std::vector<gate> gates;
  std::vector<port> ports;
  std::vector<http_connection*> connections;  // each knows its place
  std::unordered_map<handling*, std::unique_ptr<handling>> left_behind;
  std::vector<promise<void>> waiting_for_stop;
  delayed_call stop_limit;
  server_statistics statistics;
  bool stopping = false;
  bool destroyed = false;  // the server is gone, its last connections are ending
};

}  // namespace whorl::web
