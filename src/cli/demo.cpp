// What `make run` shows: a server, a table converted, an interval estimated, and where each part ran.
#include "cli/api_client.h"
#include "cli/command.h"

#include <whorl/jobs/calcs.h>
#include <whorl/jobs/job_server.h>
#include <whorl/places/defer_to.h>

#include <whorl_embedded/data.h>

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace whorl::cli {

namespace {

constexpr std::string_view weather_file = "seattle-weather.csv";
constexpr int shown_rows = 5;

struct options {
  std::string listen = "tcp:127.0.0.1:0";
  std::filesystem::path directory;  // empty: a new one, removed at the end
};

// The demo's directory: the weather, the store, the results.
class workplace {
 public:
  explicit workplace(std::filesystem::path chosen) : kept_(!chosen.empty()), directory_(std::move(chosen)) {
    if (directory_.empty()) {
      std::string pattern = (std::filesystem::temp_directory_path() / "whorl-demo-XXXXXX").string();
      if (::mkdtemp(pattern.data()) == nullptr) {
        throw error::system(errno, "make a directory for the demo", "choose one with --directory");
      }
      directory_ = pattern;
    }
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / weather_file, std::ios::binary) << weather();
  }
  workplace(const workplace&) = delete;
  workplace& operator=(const workplace&) = delete;
  ~workplace() {
    if (!kept_) {
      std::error_code ignored;  // leaving rubbish behind is no reason to fail
      std::filesystem::remove_all(directory_, ignored);
    }
  }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  static std::string_view weather() {
    for (const web::embedded_file& file : whorl_embedded::data()) {
      if (file.path == weather_file) {
        return file.content;
      }
    }
    return "";
  }

  bool kept_;
  std::filesystem::path directory_;
};

value units(const char* from, const char* to) {
  value pair;
  pair.set("from", from).set("to", to);
  return pair;
}

value weather_input() {
  value file;
  file.set("file", weather_file);
  return file;
}

void print_table(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string cell;
    while (std::getline(cells, cell, ',')) {
      fmt::print("  {:<14.12}", cell);
    }
    fmt::print("\n");
  }
}

void print_parts(const value& job) {
  for (const value& part : job.find("parts")->as_list()) {
    fmt::print("  {:<28} {:<5} {:<10} {:>8.2f} ms\n", text_of(part, "part"), text_of(part, "place"),
               text_of(part, "thread"), number_of(part, "milliseconds"));
  }
}

deferred<value> run_job(api_client* server, std::string calc, value arguments) {
  auto accepted = co_await server->submit(std::move(calc), std::move(arguments));
  auto ended = co_await server->wait_for(text_of(accepted, "id"), [](const value&) {});
  if (text_of(ended, "state") != "done") {
    throw error(errc::exception, "job " + text_of(accepted, "id") + ": " + text_of(ended, "error"));
  }
  co_return std::move(ended);
}

deferred<void> show_conversion(api_client* server) {
  value columns;
  columns.set("precipitation", units("mm", "inch"))
      .set("temp_max", units("degC", "degF"))
      .set("temp_min", units("degC", "degF"))
      .set("wind", units("m/s", "knot"));
  value arguments;
  arguments.set("input", weather_input()).set("columns", std::move(columns));
  fmt::print("\nunits.convert_table: {} to inches, Fahrenheit and knots\n", weather_file);
  auto job = co_await run_job(server, "units.convert_table", std::move(arguments));
  auto head = co_await server->table_head(text_of(job, "id"), shown_rows);
  print_table(head);
  fmt::print("  ... {} rows; the whole table: {}\n", text_of(*job.find("result"), "rows"), text_of(job, "table"));
  print_parts(job);
}

deferred<void> show_interval(api_client* server) {
  value arguments;
  arguments.set("input", weather_input()).set("column", "temp_max");
  fmt::print("\nstats.bootstrap: the mean daily maximum, and how sure one can be of it\n");
  auto job = co_await run_job(server, "stats.bootstrap", std::move(arguments));
  const value& found = *job.find("result");
  fmt::print("  {:.3f} degC, between {:.3f} and {:.3f} at level {} ({} days, {} resamples)\n", number_of(found, "mean"),
             number_of(found, "low"), number_of(found, "high"), text_of(found, "level"), text_of(found, "n"),
             text_of(found, "resamples"));
  print_parts(job);
}

deferred<void> demo(reactor& loop, std::shared_ptr<const options> wanted) {
  const workplace place(wanted->directory);
  job_server_options serving;
  serving.listen = wanted->listen;
  serving.store = place.directory() / "jobs.db";
  serving.input_roots = {place.directory()};
  job_server server(loop, standard_calcs(), std::move(serving));
  co_await server.start();
  auto stopping = loop.before_shutdown([&server] { return server.stop(); });
  fmt::print("whorl serves at {} (back end {})\n", server.url(), loop.io().name());

  api_client client(loop, server.url());
  co_await show_conversion(&client);
  co_await show_interval(&client);

  fmt::print("\nThe page: {}/\n", server.url());
  std::fflush(stdout);
  if (::isatty(STDIN_FILENO) == 1) {
    fmt::print("Serving until Ctrl-C.\n");
    std::fflush(stdout);
    promise<void> for_ever;
    co_await for_ever.get_deferred();
  }
  co_await server.stop();
}

}  // namespace

void add_demo(CLI::App& app, int& status) {
  auto wanted = std::make_shared<options>();
  CLI::App* command = app.add_subcommand(
      "demo", "Start a server, convert four years of weather, estimate a mean; on a terminal, go on serving");
  command->add_option("--listen", wanted->listen, "Where the server listens")->capture_default_str();
  command->add_option("--directory", wanted->directory,
                      "Keep the store and the results here [a directory that is removed]");
  command->callback([wanted, &status] { status = run_command(demo, std::shared_ptr<const options>(wanted)); });
}

}  // namespace whorl::cli
