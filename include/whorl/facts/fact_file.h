// Reads records of facts, one file an area, plain text made to be sorted, compared and reviewed:
//
//     # What a comment is.
//     area: libc
//
//     symbol: strtok
//     platform: glibc
//     blocking: never
//     thread: compatible race:strtok
//     in_thread: strtok_r
//     evidence: documented | strtok(3) | Linux man-pages 6.03 | ATTRIBUTES | MT-Unsafe race:strtok
//
// The first paragraph names the area. Each further one is a record, and they are sorted by symbol, byte by byte. Fields:
//
// | field       | what it holds                                                                                         |
// |-------------|-------------------------------------------------------------------------------------------------------|
// | symbol      | a C name; std::name of C++; python:module.name                                                        |
// | also        | more names that the record holds for, separated by spaces; the field may be repeated                  |
// | covers      | "members": it holds for what is inside (python:math.sin in python:math) unless that has a record       |
// | platform    | whose behaviour it is: a library, with a version where it depends on that; or a standard               |
// | blocking    | never cpu alloc lock file descriptor[argument] timed[argument] wait resolver process tty loop          |
// | blocking_if | the condition under which it does not wait, to be read after "if"                                      |
// | thread      | atomic shared distinct compatible incompatible, then reasons as words: race:what env locale static ... |
// | thread_if   | the condition under which several threads may call it at the same time                                |
// | effects     | what it changes for the process: cwd creds umask env locale tz sigaction sigmask rlimit fds fork ...   |
// | on_loop     | what to use on the loop instead; whorl::name must exist                                                |
// | in_thread   | what to use in a thread instead                                                                        |
// | evidence    | grade, source, version, place in it, and what it says, separated by " | "; at least one                |
//
// The grades are guessed, documented, inferred and demonstrated. What a source says is put in our words.
//
// Thread:   any. Lifetime: facts refer to the text that they were read from.
#pragma once

#include <whorl/facts/fact.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::facts {

struct fact_fault {
  std::size_t line;
  std::string what;  // and what to do
};

struct fact_file {
  std::string_view area;
  std::vector<fact> facts;         // those without a fault
  std::vector<fact_fault> faults;  // in the order of their lines
};

// Cost:    linear in the text.
fact_file read_facts(std::string_view text);

// The record as the file holds it; what proposes records writes them with this.
std::string to_text(const fact& record);

}  // namespace whorl::facts
