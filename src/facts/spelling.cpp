#include "facts/spelling.h"

#include <cxxabi.h>

#include <algorithm>
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

// Functions with a twin that has 64 in its name, for files of more than 2 GiB: feature_test_macros(7). They are listed, for
// a program's own write64() is no write().
constexpr std::string_view with_large_files =
    " aio_cancel aio_error aio_fsync aio_read aio_return aio_suspend aio_write alphasort creat fallocate fcntl"
    " fgetpos fopen freopen fseeko fsetpos fstat fstatat fstatfs fstatvfs ftello ftruncate fts_children"
    " fts_close fts_open fts_read fts_set ftw getdirentries getrlimit glob globfree lio_listio lockf lseek"
    " lstat mkostemp mkostemps mkstemp mkstemps mmap nftw open openat posix_fadvise posix_fallocate pread"
    " preadv prlimit pwrite pwritev readdir readdir_r scandir scandirat sendfile setrlimit stat statfs statvfs"
    " tmpfile truncate versionsort ";

// Other symbols for the same, with or without 64. Until glibc 2.33 a program that calls stat() has a symbol to which the
// layout of struct stat is an argument.
struct other_name {
  std::string_view symbol;
  std::string_view function;
};
constexpr std::array other_names = {
    other_name{"__xstat", "stat"},       other_name{"__fxstat", "fstat"},     other_name{"__lxstat", "lstat"},
    other_name{"__fxstatat", "fstatat"}, other_name{"__xmknod", "mknod"},     other_name{"__xmknodat", "mknodat"},
    other_name{"preadvv2", "preadv2"},   other_name{"pwritevv2", "pwritev2"},  // of preadv64v2
    other_name{"__open_2", "open"},      other_name{"__openat_2", "openat"},   // of _FORTIFY_SOURCE
};

// "open" of "open64", "readdir_r" of "readdir64_r", "fts_read" of "fts64_read".
std::string without_64(std::string_view name) {
  std::string rest(name);
  const std::size_t at = rest.find("64");
  if (at == std::string::npos) {
    return rest;
  }
  const std::string_view behind = name.substr(at + 2);
  const bool is_form =
      behind.empty() || behind == "_r" || behind == "_2" || behind == "v2" || name.starts_with("fts64_");
  return is_form ? rest.erase(at, 2) : rest;
}

void erase_all(std::string& from, std::string_view part) {
  for (std::size_t at = from.find(part); at != std::string::npos; at = from.find(part, at)) {
    from.erase(at, part.size());
  }
}

}  // namespace

std::string_view without_arguments(std::string_view name) {
  std::size_t bracket = name.find('(');
  if (name.substr(0, bracket).ends_with("operator")) {
    bracket = name.find('(', bracket + 1);
  }
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
  const std::size_t name_end = std::min(plain.find("operator "), plain.size());
  plain.erase(0, plain.substr(0, name_end).rfind(' ') + 1);  // what a function template returns
  return plain.starts_with("::") ? plain.substr(2) : plain;
}

std::vector<std::string> c_spellings(std::string_view symbol) {
  symbol = symbol.substr(0, symbol.find('@'));
  std::vector<std::string> names{std::string(symbol)};
  const auto add = [&](std::string_view plainer) {
    if (plainer.size() != symbol.size()) {
      names.emplace_back(plainer);
      symbol = plainer;
    }
  };
  for (const std::string_view prefix : {"__GI_", "_IO_", "__libc_", "___", "__", "new_", "isoc99_", "isoc23_"}) {
    const bool is_plain = prefix == "new_" && names.size() == 1;  // a name of the program's own
    add(symbol.substr(symbol.starts_with(prefix) && !is_plain ? prefix.size() : 0));
  }
  for (const std::string_view suffix : {"_nocancel", "_chk"}) {
    add(symbol.substr(0, symbol.size() - (symbol.ends_with(suffix) ? suffix.size() : 0)));
  }
  const std::size_t spelled = names.size();
  for (std::size_t i = 0; i < spelled; ++i) {
    const std::string smaller = without_64(names[i]);
    if (const auto* found = std::ranges::find(other_names, smaller, &other_name::symbol); found != other_names.end()) {
      names.emplace_back(found->function);
    } else if (with_large_files.contains(' ' + smaller + ' ')) {
      names.push_back(smaller);
    }
  }
  return names;
}

std::vector<std::string> float_spellings(std::string_view name) {
  for (const std::string_view end : {"_r", "_l", ""}) {
    for (const std::string_view type : {"f128", "f64x", "f32x", "f64", "f32"}) {
      if (const std::string suffix = std::string(type).append(end); name.ends_with(suffix)) {
        const std::string plain(name.substr(0, name.size() - suffix.size()));
        return {plain + std::string(end), plain + 'd' + std::string(end)};
      }
    }
  }
  return {};
}

}  // namespace whorl::facts
