// A fact is what one record of facts/*.facts claims about a function: whether it waits, how it bears threads, what it
// changes for the whole process, what to use instead, and the evidence for all that.
//
// Several facts may speak of one function: of another platform, or from another source. They are kept apart and shown
// together (verdict.h); none is dropped because another contradicts it.
//
// The format of the files is in fact_file.h.
//
// Thread:   any. Lifetime: a fact's text belongs to the file it was read from; those of fact_table.h live for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace whorl::facts {

// What a call may wait for.
enum class blocking_class : std::uint8_t {
  unknown,
  never,
  cpu,         // nothing, but it computes for a time that grows with its input
  alloc,       // memory, as malloc does
  lock,        // a lock that is held briefly
  file,        // a file system; no flag makes that non-blocking
  descriptor,  // the descriptor in an argument, unless that is non-blocking
  timed,       // as long as an argument says
  wait,        // an event, without a limit
  resolver,    // name services
  process,     // another process
  tty,         // a person at a terminal
  loop,        // events, as an event loop does: it is one
};

// How calls from several threads go together.
enum class thread_class : std::uint8_t {
  unknown,
  atomic,        // each call takes effect at once, on the same object too
  shared,        // many threads may call it at the same time
  distinct,      // on different objects; the same object needs a lock
  compatible,    // not at the same time; one lock round all callers would do
  incompatible,  // it uses what belongs to the whole process, and no lock of its callers covers that
};

// How sure the evidence makes one, in rising order.
enum class evidence_grade : std::uint8_t { guessed, documented, inferred, demonstrated };

struct evidence {
  evidence_grade grade = evidence_grade::guessed;
  std::string_view source;
  std::string_view version;
  std::string_view place;  // in the source
  std::string_view says;   // in our words, but for labels
};

struct fact {
  std::string_view area;
  std::string_view symbol;
  std::vector<std::string_view> aliases;
  std::string_view platform;    // "glibc", "POSIX.1-2008", "CPython 3.11"
  bool covers_members = false;  // holds for what is inside of it too, unless that has a record of its own

  blocking_class blocking = blocking_class::unknown;
  std::string_view blocking_argument;  // of descriptor and timed: a position from 1, or a name
  std::string_view does_not_block_if;

  thread_class threads = thread_class::unknown;
  std::vector<std::string_view> reasons;  // "race:strtok", "env"
  std::string_view safe_if;               // for several threads at the same time

  std::vector<std::string_view> effects;  // on the process; the names are in process_effects()
  std::string_view on_loop;               // what to use there instead
  std::string_view in_thread;
  std::vector<evidence> sources;  // at least one

  std::size_t line = 0;  // where it begins in its file

  // The best there is; guessed without any.
  evidence_grade best_grade() const noexcept;

  // What a standard asks of all platforms, as opposed to what one platform does.
  bool is_of_a_standard() const noexcept;

  // Of a C library that this program does not use.
  bool is_of_another_library() const noexcept;
};

struct process_effect {
  std::string_view name;
  std::string_view changes;  // "the working directory"
  bool for_every_thread;     // it would surprise other threads
};

// Every effect that a record may name.
const std::vector<process_effect>& process_effects();

std::string_view name_of(blocking_class waits) noexcept;
std::string_view name_of(thread_class level) noexcept;
std::string_view name_of(evidence_grade grade) noexcept;

}  // namespace whorl::facts
