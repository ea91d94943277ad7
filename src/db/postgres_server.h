// A PostgreSQL server of the tests' own, from Debian's package, in a folder that goes away with it.
//
// It listens on a UNIX socket in that folder and on a free port of 127.0.0.1, lets everybody in, and dies with the
// process. Started by root it runs as the user postgres. Who connects at once has to try again: it says nowhere else
// that it is ready.
#pragma once

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace whorl::db {

class postgres_server {
 public:
  postgres_server() : programs_(find_programs()), folder_(make_folder()), port_(free_port()) {
    const int code = wait_for(run({programs_ / "initdb", "-D", data(), "-U", "whorl", "-A", "trust", "-E", "UTF8",
                                   "--no-locale", "--no-sync", "--no-instructions"}));
    if (code != 0) {
      throw std::runtime_error("initdb failed: " + log());
    }
    start();
  }
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;
  ~postgres_server() {
    stop(SIGQUIT);
    std::filesystem::remove_all(folder_);
  }

  void start() {
    process_ = run({programs_ / "postgres", "-D", data(), "-k", folder_, "-h", "127.0.0.1", "-p", std::to_string(port_),
                    "-c", "fsync=off", "-c", "max_connections=40", "-c", "log_min_messages=panic"});
  }

  // SIGQUIT: all its processes die at once, and it recovers at the next start. SIGINT: it ends what is underway in order.
  void stop(int signal) {
    if (process_ > 0) {
      ::kill(process_, signal);
      wait_for(process_);
      process_ = 0;
    }
  }

  std::string by_socket() const { return "dbname=postgres user=whorl host=" + folder_.string() + " port=" + port(); }
  std::string by_name() const { return "dbname=postgres user=whorl host=localhost port=" + port(); }
  std::string port() const { return std::to_string(port_); }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  static std::filesystem::path find_programs() {
    std::vector<std::filesystem::path> versions;
    std::error_code none;
    for (const auto& each : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
      versions.push_back(each.path());
    }
    if (versions.empty()) {
      throw std::runtime_error("there is no PostgreSQL server: install Debian's package postgresql (make deps)");
    }
    return *std::ranges::max_element(versions) / "bin";
  }

  static std::filesystem::path make_folder() {
    std::string name = ::testing::TempDir() + "whorl-postgres-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("no folder for the PostgreSQL server: " + name);
    }
    if (const passwd* user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr) {
      static_cast<void>(::chown(name.c_str(), user->pw_uid, user->pw_gid));
    }
    return name;
  }

  static int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(fd, reinterpret_cast<const sockaddr*>(&at), size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
    ::close(fd);
    return ntohs(at.sin_port);
  }

  // setpriv gives up root, and has the kernel kill the server when this thread ends.
  pid_t run(std::vector<std::string> words) const {
    std::vector<std::string> command{"/usr/bin/setpriv", "--pdeathsig=QUIT"};
    if (::geteuid() == 0) {
      command.insert(command.end(), {"--reuid=postgres", "--regid=postgres", "--clear-groups"});
    }
    command.insert(command.end(), words.begin(), words.end());
    std::vector<char*> arguments;
    std::ranges::transform(command, std::back_inserter(arguments), [](std::string& each) { return each.data(); });
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t wires;
    ::posix_spawn_file_actions_init(&wires);
    ::posix_spawn_file_actions_addopen(&wires, 1, (folder_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::posix_spawn_file_actions_adddup2(&wires, 1, 2);
    pid_t started = 0;
    const int code = ::posix_spawn(&started, command.front().c_str(), &wires, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&wires);
    if (code != 0) {
      throw std::runtime_error("could not run " + command.front());
    }
    return started;
  }

  static int wait_for(pid_t process) {
    int status = 0;
    ::waitpid(process, &status, 0);
    return status;
  }

  std::string data() const { return folder_ / "data"; }
  std::string log() const {
    std::ifstream file(folder_ / "log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::filesystem::path programs_;
  const std::filesystem::path folder_;
  const int port_;
  pid_t process_ = 0;
};

// One for all tests of a process, until its end.
inline postgres_server& shared_postgres_server() {
  static postgres_server only;
  return only;
}

}  // namespace whorl::db
