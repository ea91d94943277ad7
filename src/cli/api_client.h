// The server's HTTP interface as the commands use it: values in, values out.
//
// Thread: the loop's.
// Fails:  with what the server objected to, its field and its hint in the message; "is it running?" if nobody answers.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/jobs/value.h>
#include <whorl/reactor/reactor.h>

#include <filesystem>
#include <functional>
#include <string>

namespace whorl::cli {

class api_client {
 public:
  api_client(reactor& loop, std::string server);

  deferred<value> get(std::string path);
  deferred<value> submit(std::string calc, value arguments);
  deferred<value> cancel(std::string id);

  // The job in full, once it has ended. `seen` is called with it each time it was looked at.
  deferred<value> wait_for(std::string id, std::function<void(const value& job)> seen);

  // The first rows of a job's table, as CSV.
  deferred<std::string> table_head(std::string id, int rows);

  // Writes a job's result to a file, in pieces, and renames it into place when it is whole.
  deferred<void> save_result(std::string id, std::filesystem::path file);

 private:
  deferred<value> ask(std::string method, std::string path, std::string body);

  reactor& loop_;
  std::string server_;
};

}  // namespace whorl::cli
