#include <whorl/deferred/error.h>
#include <whorl/jobs/explanation.h>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace whorl {

namespace {

template <class Texts>
value texts_of(const Texts& several) {
  value all{value::list()};
  for (const auto& each : several) {
    all.append(std::string_view(each));
  }
  return all;
}

value to_value(const facts::place_verdict& given) {
  value said;
  said.set("may", facts::name_of(given.may)).set("why", given.why).set("condition", given.condition);
  return said;
}

value places_of(const facts::verdict& given) {
  value places;
  for (const facts::place where : facts::every_place) {
    places.set(std::string(facts::name_of(where)), to_value(given.at(where)));
  }
  return places;
}

value to_value(const facts::evidence& seen) {
  value said;
  said.set("source", seen.source).set("version", seen.version).set("place", seen.place).set("says", seen.says);
  said.set("grade", facts::name_of(seen.grade));
  return said;
}

value evidence_of(const facts::verdict& given) {
  value all{value::list()};
  for (const facts::evidence& seen : given.sources) {
    all.append(to_value(seen));
  }
  return all;
}

}  // namespace

value to_value(const facts::verdict& given) {
  value blocking;
  blocking.set("class", facts::name_of(given.blocking.blocking));
  blocking.set("argument", given.blocking.blocking_argument);
  blocking.set("condition", given.does_not_wait_if);
  value threads;
  threads.set("class", facts::name_of(given.threads.threads)).set("reasons", texts_of(given.threads.reasons));
  threads.set("condition", given.threads.safe_if).set("platform", given.threads.platform);
  value instead;
  instead.set("loop", given.on_loop).set("thread", given.in_thread);

  value said;
  said.set("symbol", given.symbol).set("found", given.found).set("known_as", given.known_as);
  said.set("places", places_of(given)).set("blocking", std::move(blocking)).set("thread", std::move(threads));
  said.set("process_effects", texts_of(given.effects)).set("replacement", std::move(instead));
  said.set("evidence", evidence_of(given)).set("disagreement", given.disagreement);
  said.set("candidates", texts_of(given.candidates)).set("definitive", given.definitive);
  said.set("look_at", texts_of(given.look_at));
  return said;
}

std::string reason_from_facts(std::string_view symbol, facts::place where) {
  const facts::verdict given = facts::judge(symbol);
  const facts::place_verdict& judged = given.at(where);
  if (!given.found || judged.may == facts::permission::no || judged.may == facts::permission::unknown) {
    throw misuse(fmt::format("no record allows {} in the {}; choose another place, or write the record", symbol,
                             facts::name_of(where)));
  }
  const auto speaks_of_the_place = [where](const facts::evidence& seen) {
    return seen.says.find(facts::name_of(where)) != std::string_view::npos;
  };
  const auto found = std::ranges::find_if(given.sources, speaks_of_the_place);
  const facts::evidence& seen = found != given.sources.end() ? *found : given.sources.front();
  return fmt::format("{}: {} ({}, {}: {})", symbol, judged.why, facts::name_of(seen.grade), seen.source, seen.says);
}

}  // namespace whorl
