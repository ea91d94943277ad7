// Finds what a text says of threads and of waiting ("not thread-safe", "reentrant", "blocks until"), and proposes records.
//
// It makes best guesses, for somebody to review: it knows phrases, not what they mean in their place, and the function that
// one is about is the one named nearby. Everything that it proposes is graded guessed.
//
// Thread:   any. Cost: linear in the text.
#pragma once

#include <whorl/facts/fact.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::facts {

struct fact_proposal {
  std::string symbol;  // the function named nearby, or the file's own name
  thread_class threads = thread_class::unknown;
  blocking_class blocking = blocking_class::unknown;
  std::string_view phrase;  // that gave the idea: one of the scanner's own
  std::size_t line = 0;
};

// In the order of the lines. `name` is the file's: its ending says what language the text is in.
std::vector<fact_proposal> propose_facts(std::string_view name, std::string_view text);

// The proposals as a file of records, sorted, that read_facts reads. `source` says where they come from.
struct scanned_text {
  std::string source;
  std::vector<fact_proposal> proposals;
};
std::string to_text(const std::vector<scanned_text>& scanned);

}  // namespace whorl::facts
