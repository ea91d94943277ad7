#include "facts/spelling.h"

#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace whorl::facts {

namespace {

struct free_memory {
  void operator()(char* text) const noexcept { std::free(text); }
};

std::string demangled(std::string_view name) {
  const std::string mangled(name);
  int wrong = 0;
  const std::unique_ptr<char, free_memory> text(abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &wrong));
  return wrong == 0 ? std::string(text.get()) : mangled;
}

// "std::vector::push_back" of "std::vector<int, std::allocator<int> >::push_back"
std::string without_templates(std::string_view name) {
  std::string kept;
  int depth = 0;
  for (const char each : name) {
    depth += each == '<' ? 1 : 0;
    if (depth == 0) {
      kept += each;
    }
    depth -= each == '>' && depth > 0 ? 1 : 0;
  }
  return kept;
}

void erase_all(std::string& from, std::string_view part) {
  for (std::size_t at = from.find(part); at != std::string::npos; at = from.find(part, at)) {
    from.erase(at, part.size());
  }
}

}  // namespace

std::string_view without_arguments(std::string_view name) {
  const std::size_t bracket = name.find('(');
  return bracket == 0 ? name : name.substr(0, bracket);
}

std::string plain_name(std::string_view name) {
  std::string plain = name.starts_with("_Z") ? demangled(name) : std::string(name);
  plain = without_arguments(without_templates(plain));
  constexpr std::array unseen = {"[abi:cxx11]", "__cxx11::", "__1::", "_V2::"};
  for (const std::string_view part : unseen) {
    erase_all(plain, part);
  }
  if (const std::size_t version = plain.find('@'); version != std::string::npos && version > 0) {
    plain.resize(version);
  }
  while (plain.ends_with(' ')) {
    plain.pop_back();
  }
  plain.erase(0, plain.rfind(' ') + 1);  // what a function template returns
  return plain.starts_with("::") ? plain.substr(2) : plain;
}

}  // namespace whorl::facts
