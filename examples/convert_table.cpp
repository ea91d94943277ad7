// Converts columns of a table without a server: the calculation units.convert_table, run by hand.
//
//     example_convert_table weather.csv imperial.csv temp_max degC degF precipitation mm inch
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/file_roots.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/lane.h>
#include <whorl/places/thread_pool.h>
#include <whorl/reactor/run.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

whorl::value arguments_of(const std::vector<std::string>& words) {
  whorl::value columns;
  for (std::size_t word = 2; word + 2 < words.size(); word += 3) {
    columns.set(words[word], whorl::value().set("from", words[word + 1]).set("to", words[word + 2]));
  }
  whorl::value arguments;
  arguments.set("input", whorl::value().set("file", fs::absolute(words[0]).string())).set("columns", columns);
  return arguments;
}

whorl::deferred<int> convert(whorl::reactor& /*loop*/, std::vector<std::string> words,
                             std::shared_ptr<const whorl::file_roots> inputs) {
  const std::size_t threads = 4;
  whorl::thread_pool pool({.name = "pool", .most_threads = threads});
  whorl::lane<whorl::unit_system> units({.name = "units"});
  const whorl::calc chosen = whorl::units_convert_table();
  auto checked = chosen.check(arguments_of(words));
  if (!checked) {
    throw checked.error().to_error();
  }
  whorl::calc_run run{.places = {.pool = pool, .pool_threads = threads, .units = units, .inputs = inputs},
                      .arguments = std::move(*checked),
                      .progress = whorl::calc_progress(),
                      .table = words[1]};
  auto done = co_await chosen.run(std::move(run));
  std::printf("%s\n%s\n", to_text(done.answer).c_str(), to_text(to_value(done.parts)).c_str());
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 5 || words.size() % 3 != 2) {
    std::fprintf(stderr, "usage: %s INPUT OUTPUT COLUMN FROM TO [COLUMN FROM TO ...]\n", argv[0]);
    return 2;
  }
  const auto inputs = whorl::may_block::on_this_thread([&](whorl::may_block& wait) {
    return std::make_shared<const whorl::file_roots>(wait, std::vector<fs::path>{fs::absolute(words[0]).parent_path()});
  });
  return whorl::run(convert, words, inputs);
}
