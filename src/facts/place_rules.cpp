#include "facts/place_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace whorl::facts {

namespace {

struct rule {
  permission may;
  std::string_view why;
  std::string_view condition = "";
};

constexpr permission yes = permission::yes;
constexpr permission on_condition = permission::on_condition;
constexpr permission no = permission::no;

// On the loop; {} stands for the argument, as "argument 2" or by its name.
constexpr std::array waiting_on_the_loop = {
    rule{permission::unknown, "whether it waits is not known; treat it as blocking"},
    rule{yes, "it does not wait"},
    rule{on_condition, "it computes, and everything else on the loop waits meanwhile", "it has little to compute"},
    rule{yes, "it may allocate memory, and waits for nothing else"},
    rule{on_condition, "it takes a lock", "whoever holds the lock neither waits nor computes for long"},
    rule{no, "it uses the file system, which no flag keeps from waiting for a disk or a server"},
    rule{on_condition, "it waits until its descriptor is ready", "{} is a non-blocking descriptor"},
    rule{on_condition, "it waits as long as {} says", "{} says not to wait"},
    rule{no, "it waits until something happens, however long that takes"},
    rule{no, "it asks name services, which may take seconds to answer or give up"},
    rule{no, "it waits for another process"},
    rule{no, "it waits for a person at a terminal"},
    rule{no, "it waits for events itself, as a loop does, and keeps this loop from doing so"},
};

constexpr std::string_view waiting_elsewhere = "it may wait here";

// In a pool, where several threads call it at the same time.
constexpr std::array threads_in_a_pool = {
    rule{permission::unknown, "whether threads may call it at the same time is not known; treat it as unsafe"},
    rule{yes, "each call takes effect at once, whatever other threads do"},
    rule{yes, "threads may call it at the same time"},
    rule{on_condition, "threads may call it on different objects",
         "no two threads use the same object at the same time"},
    rule{no, "threads may not call it at the same time; a lane calls one after the other"},
    rule{no, "it uses what belongs to the whole process, and no lock of its callers covers that"},
};

constexpr std::array threads_in_a_lane = {
    rule{on_condition, "a lane runs one call at a time, and that may be enough",
         "nothing outside of the lane uses what it uses"},
    rule{yes, "it bears threads"},
    rule{yes, "it bears threads"},
    rule{yes, "a lane's object is used by one thread"},
    rule{yes, "a lane runs one call at a time; send every call that there is to the same lane"},
    rule{on_condition, "a lane runs one call at a time, but other threads share what it uses",
         "nothing outside of the lane, libraries included, uses that"},
};

constexpr std::array threads_on_the_loop = {
    rule{yes, ""},
    rule{yes, ""},
    rule{yes, ""},
    rule{yes, ""},
    rule{on_condition, "a loop makes one call at a time", "no other thread is inside of it at the same time"},
    rule{on_condition, "a loop makes one call at a time, but other threads share what it uses",
         "no other thread uses what belongs to the process meanwhile"},
};

place_verdict verdict_of(const rule& from, std::string_view argument) {
  return {.may = from.may,
          .why = fmt::format(fmt::runtime(from.why), argument),
          .condition = fmt::format(fmt::runtime(from.condition), argument)};
}

template <std::size_t Size, class Class>
const rule& at(const std::array<rule, Size>& rules, Class one) {
  return rules.at(static_cast<std::size_t>(one));
}

// Makes the verdict as strict as the rule. Of two conditions both must hold; of two reasons the stricter one's is kept.
void tighten(place_verdict& kept, place_verdict added) {
  if (added.why.empty()) {
    return;
  }
  if (added.may > kept.may || kept.why.empty()) {
    const bool both = kept.may == on_condition && added.may == on_condition;
    if (both) {
      added.condition = kept.condition + ", and " + added.condition;
    }
    kept = std::move(added);
  } else if (added.may == kept.may && kept.may == on_condition) {
    kept.why += "; " + added.why;
    kept.condition += ", and " + added.condition;
  }
}

std::string argument_of(const fact& known) {
  const std::string_view name = known.blocking_argument;
  const bool is_position = !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) != 0;
  return fmt::format("{}{}", is_position ? "argument " : "", name);
}

place_verdict waiting(const fact& known) {
  place_verdict judged = verdict_of(at(waiting_on_the_loop, known.blocking), argument_of(known));
  if (!known.does_not_block_if.empty() && judged.may != yes) {
    judged.may = on_condition;
    judged.condition = known.does_not_block_if;
  }
  return judged;
}

place_verdict in_a_pool(const fact& known) {
  place_verdict judged = verdict_of(at(threads_in_a_pool, known.threads), "");
  if (!known.safe_if.empty()) {
    judged.why =
        known.threads > thread_class::distinct ? "threads may not call it at the same time in general" : judged.why;
    judged.may = on_condition;
    judged.condition = known.safe_if;
  }
  return judged;
}

// Beside other threads, of what changes something that they share. The record's condition may say when it does not.
place_verdict changing_for_all(const fact& known, const std::string& changes) {
  return {.may = known.safe_if.empty() ? no : on_condition,
          .why = "it changes " + changes + " for every thread",
          .condition = std::string(known.safe_if)};
}

// What it changes for every thread, as "the working directory and the locale".
std::string changes_for_all(const std::vector<std::string_view>& effects) {
  std::string all;
  for (const process_effect& effect : process_effects()) {
    if (effect.for_every_thread && std::ranges::find(effects, effect.name) != effects.end()) {
      all += fmt::format("{}{}", all.empty() ? "" : " and ", effect.changes);
    }
  }
  return all;
}

bool is_among(blocking_class one, std::initializer_list<blocking_class> several) {
  return std::ranges::find(several, one) != several.end();
}

place_verdict in_a_process(const verdict& given, const std::string& changes) {
  const blocking_class waits = given.blocking.blocking;
  if (waits == blocking_class::descriptor) {
    return {.may = on_condition,
            .why = "a descriptor does not go to another process with a call's arguments",
            .condition = "the worker opens the descriptor itself"};
  }
  if (waits == blocking_class::tty) {
    return {.may = on_condition,
            .why = "a worker's standard streams are not the terminal",
            .condition = "it opens /dev/tty itself"};
  }
  if (!changes.empty()) {
    return {.may = yes,
            .why = fmt::format("it changes {} for that worker alone; its next call finds it changed", changes),
            .condition = ""};
  }
  return {.may = yes, .why = "nothing it does reaches this process, and it can be killed", .condition = ""};
}

place_verdict as_a_job(const verdict& given, const std::string& changes, const place_verdict& process) {
  const blocking_class waits = given.blocking.blocking;
  if (is_among(waits, {blocking_class::descriptor, blocking_class::tty, blocking_class::loop})) {
    return {.may = no, .why = "what it waits for belongs to one host and process", .condition = ""};
  }
  const bool pure = changes.empty() && is_among(waits, {blocking_class::never, blocking_class::cpu,
                                                        blocking_class::alloc, blocking_class::lock});
  if (pure) {
    return {.may = process.may,
            .why = "it may run on another host, and twice if a host dies",
            .condition = process.condition};
  }
  return {.may = on_condition,
          .why = "it may run on another host, and twice if a host dies",
          .condition = "running it again, or elsewhere, does no harm"};
}

}  // namespace

place_verdicts places_of(const verdict& given) {
  place_verdicts all;
  const std::string changes = changes_for_all(given.effects);
  auto& [loop, pool, lane, process, jobs] = all;

  loop = waiting(given.blocking);
  tighten(loop, verdict_of(at(threads_on_the_loop, given.threads.threads), ""));
  pool = in_a_pool(given.threads);
  lane = verdict_of(at(threads_in_a_lane, given.threads.threads), "");
  if (!changes.empty()) {
    tighten(loop, {.may = on_condition,
                   .why = "it changes " + changes + " for every thread",
                   .condition = "no other thread depends on that"});
    pool = changing_for_all(given.threads, changes);
    lane = pool;
  }
  if (pool.may == yes && given.blocking.blocking > blocking_class::alloc) {
    pool.why += fmt::format("; {}", waiting_elsewhere);
  }
  process = in_a_process(given, changes);
  jobs = as_a_job(given, changes, process);
  return all;
}

std::string does_not_wait_if(const fact& known) { return waiting(known).condition; }

place_verdicts places_of_the_unknown() {
  place_verdicts all;
  auto& [loop, pool, lane, process, jobs] = all;
  loop.why = "nothing is known of it; treat it as blocking";
  pool.why = "nothing is known of it; treat it as unsafe in threads";
  lane.why = "nothing is known of it; it is safer than a pool as long as nothing outside of the lane calls it";
  process.why = "nothing is known of it; the safest place until you know, for it can be killed and shares nothing";
  jobs.why = "nothing is known of it; it must bear running twice";
  return all;
}

}  // namespace whorl::facts
