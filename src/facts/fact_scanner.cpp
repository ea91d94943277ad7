#include <whorl/facts/fact_file.h>
#include <whorl/facts/fact_scanner.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <utility>

namespace whorl::facts {

namespace {

struct telling_phrase {
  std::string_view words;  // in lower case, blanks and hyphens alike
  thread_class threads = thread_class::unknown;
  blocking_class blocking = blocking_class::unknown;
};

// The first that is found in a line counts, so that "not thread safe" goes before "thread safe".
constexpr std::array phrases = {
    telling_phrase{"not thread safe", thread_class::compatible},
    telling_phrase{"not threadsafe", thread_class::compatible},
    telling_phrase{"isn't thread safe", thread_class::compatible},
    telling_phrase{"thread unsafe", thread_class::compatible},
    telling_phrase{"mt unsafe", thread_class::compatible},
    telling_phrase{"not reentrant", thread_class::compatible},
    telling_phrase{"non reentrant", thread_class::compatible},
    telling_phrase{"not re entrant", thread_class::compatible},
    telling_phrase{"thread compatible", thread_class::compatible},
    telling_phrase{"not be called concurrently", thread_class::compatible},
    telling_phrase{"not be called from multiple threads", thread_class::compatible},
    telling_phrase{"externally synchronized", thread_class::compatible},
    telling_phrase{"only from the main thread", thread_class::incompatible},
    telling_phrase{"before any other thread", thread_class::incompatible},
    telling_phrase{"before any threads", thread_class::incompatible},
    telling_phrase{"no two threads", thread_class::distinct},
    telling_phrase{"one thread at a time", thread_class::distinct},
    telling_phrase{"same handle in multiple threads", thread_class::distinct},
    telling_phrase{"from any thread", thread_class::shared},
    telling_phrase{"thread safe", thread_class::shared},
    telling_phrase{"threadsafe", thread_class::shared},
    telling_phrase{"mt safe", thread_class::shared},
    telling_phrase{"reentrant", thread_class::shared},
    telling_phrase{"does not block", thread_class::unknown, blocking_class::never},
    telling_phrase{"never blocks", thread_class::unknown, blocking_class::never},
    telling_phrase{"without blocking", thread_class::unknown, blocking_class::never},
    telling_phrase{"blocks until", thread_class::unknown, blocking_class::wait},
    telling_phrase{"will block", thread_class::unknown, blocking_class::wait},
    telling_phrase{"may block", thread_class::unknown, blocking_class::wait},
    telling_phrase{"blocks the calling thread", thread_class::unknown, blocking_class::wait},
    telling_phrase{"suspends the calling thread", thread_class::unknown, blocking_class::wait},
    telling_phrase{"waits until", thread_class::unknown, blocking_class::wait},
    telling_phrase{"blocking call", thread_class::unknown, blocking_class::wait},
};

constexpr std::size_t lines_to_a_declaration = 40;

bool is_word(char each) { return std::isalnum(static_cast<unsigned char>(each)) != 0 || each == '_'; }

// In lower case; hyphens, marks of comments and of roff are blanks, and there is one blank at a time, none at the ends.
std::string plain(std::string_view line, bool is_markup) {
  std::string text;
  bool in_tag = false;
  for (const char each : line) {
    in_tag = is_markup && (each == '<' || (in_tag && each != '>'));
    if (in_tag) {
      continue;
    }
    const bool counts = is_word(each) || each == '\'' || each == '.' || each == ',';
    if (counts) {
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  if (text.ends_with(' ')) {
    text.pop_back();
  }
  return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// "read" of "ssize_t read(int fd": the word before the first round bracket.
std::string_view called_name(std::string_view line) {
  constexpr std::array keywords = {"for",  "while", "switch", "return", "sizeof",  "defined", "__attribute__",
                                   "void", "int",   "char",   "const",  "typedef", "not",     "and"};
  const std::size_t bracket = line.find('(');
  std::size_t end = bracket == std::string_view::npos ? 0 : bracket;
  while (end > 0 && line[end - 1] == ' ') {
    --end;
  }
  std::size_t begin = end;
  while (begin > 0 && is_word(line[begin - 1])) {
    --begin;
  }
  const std::string_view word = line.substr(begin, end - begin);
  const bool is_macro = std::ranges::none_of(word, [](unsigned char each) { return std::islower(each) != 0; });
  const bool is_name = word.size() > 2 && !is_macro && std::isdigit(static_cast<unsigned char>(word.front())) == 0;
  return is_name && std::ranges::find(keywords, word) == keywords.end() ? word : "";
}

bool begins_with_a_mark(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(' ');
  constexpr std::string_view marks = "*/#";
  return begin == std::string_view::npos || marks.contains(line[begin]);
}

// The function declared in front of the comment in this line, or in the lines behind the comment that it is in.
std::string_view declared_near(const std::vector<std::string_view>& lines, std::size_t at) {
  const std::size_t mark = std::min(lines[at].find("/*"), lines[at].find("//"));
  if (const auto found = mark == std::string_view::npos ? "" : called_name(lines[at].substr(0, mark)); !found.empty()) {
    return found;
  }
  const std::size_t end = std::min(lines.size(), at + lines_to_a_declaration);
  bool in_comment = !lines[at].contains("//");
  for (std::size_t line = at; line < end; ++line) {
    const std::size_t opens = lines[line].rfind("/*");
    const std::size_t closes = lines[line].rfind("*/");
    if (opens != closes) {  // one of them is there
      in_comment = opens != std::string_view::npos && (closes == std::string_view::npos || closes < opens);
    } else if (const auto found = in_comment || begins_with_a_mark(lines[line]) ? "" : called_name(lines[line]);
               !found.empty()) {
      return found;
    }
  }
  return "";
}

// "strtok" of "man3/strtok.3.gz"
std::string_view stem_of(std::string_view name) {
  name = name.substr(name.rfind('/') + 1);
  return name.substr(0, name.find('.'));
}

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [name](std::string_view ending) { return name.ends_with(ending); });
}

// A header's comment stands above the declaration, a docstring below its def, and a manual page is about its name.
std::string_view symbol_near(std::string_view name, const std::vector<std::string_view>& lines, std::size_t at) {
  if (ends_with_any(name, {".h", ".hpp", ".hh", ".c", ".cc", ".cpp"})) {
    if (const std::string_view found = declared_near(lines, at); !found.empty()) {
      return found;
    }
  }
  if (name.ends_with(".py")) {
    for (std::size_t line = at + 1; line-- > 0;) {
      if (lines[line].find("def ") != std::string_view::npos && !called_name(lines[line]).empty()) {
        return called_name(lines[line]);
      }
    }
  }
  return stem_of(name);
}

fact record_of(const fact_proposal& idea, std::string_view source, std::string_view place) {
  fact record;
  record.symbol = idea.symbol;
  record.platform = "as scanned";
  record.threads = idea.threads;
  record.blocking = idea.blocking;
  record.sources = {{.grade = evidence_grade::guessed,
                     .source = source,
                     .version = "as scanned",
                     .place = place,
                     .says = idea.phrase}};
  return record;
}

// A text that says the same of a function twice gives one idea.
void add_new(std::vector<fact_proposal>& ideas, fact_proposal idea) {
  const auto is_the_same = [&idea](const fact_proposal& other) {
    return other.symbol == idea.symbol && other.threads == idea.threads && other.blocking == idea.blocking;
  };
  if (std::ranges::none_of(ideas, is_the_same)) {
    ideas.push_back(std::move(idea));
  }
}

}  // namespace

std::vector<fact_proposal> propose_facts(std::string_view name, std::string_view text) {
  const bool is_markup = ends_with_any(name, {".html", ".htm", ".xml", ".sgml"});
  const auto lines = lines_of(text);
  std::vector<fact_proposal> ideas;
  std::string said = lines.empty() ? "" : plain(lines.front(), is_markup);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    std::string next = at + 1 < lines.size() ? plain(lines[at + 1], is_markup) : "";
    const std::string both = fmt::format("{} {}", said, next);  // for phrases that a line's end breaks
    const auto* found = std::ranges::find_if(
        phrases, [&](const telling_phrase& phrase) { return both.find(phrase.words) < said.size(); });
    if (found != phrases.end()) {
      add_new(ideas, {.symbol = std::string(symbol_near(name, lines, at)),
                      .threads = found->threads,
                      .blocking = found->blocking,
                      .phrase = found->words,
                      .line = at + 1});
      const std::size_t end = both.find(found->words) + found->words.size();
      next.erase(0, end > said.size() ? end - said.size() - 1 : 0);  // what was told already
    }
    said = std::move(next);
  }
  return ideas;
}

std::string to_text(const std::vector<scanned_text>& scanned) {
  std::vector<std::pair<std::string, std::string>> records;  // by symbol
  for (const scanned_text& text : scanned) {
    for (const fact_proposal& idea : text.proposals) {
      records.emplace_back(idea.symbol, to_text(record_of(idea, text.source, fmt::format("line {}", idea.line))));
    }
  }
  std::ranges::sort(records);
  std::string all =
      "# Best guesses, found by phrases: each is to be reviewed, corrected and cited before it is a fact.\narea: "
      "scanned\n";
  for (const auto& [symbol, record] : records) {
    all += "\n" + record;
  }
  return all;
}

}  // namespace whorl::facts
