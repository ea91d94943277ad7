#include "guard/debug_information.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <dwarf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace whorl::detail {

namespace {

// Where the bracket that ends at `last` begins.
std::size_t opening(std::string_view text, std::size_t last) {
  int depth = 0;
  for (std::size_t at = last + 1; at-- > 0;) {
    depth += text[at] == ')' ? 1 : text[at] == '(' ? -1 : 0;
    if (depth == 0) {
      return at;
    }
  }
  return 0;
}

// void f<int>(int) const [clone .resume]  ->  f<int>
std::string without_types(std::string_view name) {
  if (name.ends_with(']')) {
    name = name.substr(0, name.rfind(" ["));
  }
  if (constexpr std::string_view after = " const"; name.ends_with(after)) {
    name.remove_suffix(after.size());
  }
  if (name.ends_with(')')) {
    name = name.substr(0, opening(name, name.size() - 1));
  }
  int depth = 0;
  for (std::size_t at = name.size(); at-- > 0;) {
    const char letter = name[at];
    depth += letter == '>' || letter == ')' ? 1 : letter == '<' || letter == '(' ? -1 : 0;
    if (letter == ' ' && depth == 0 && !name.substr(0, at).ends_with("operator")) {
      return std::string(name.substr(at + 1));
    }
  }
  return std::string(name);
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? without_types(text.get()) : name;
}

// Debug information that is in no mapped file is not looked for: libdw would ask servers on the network for it.
int nowhere_else(Dwfl_Module* /*module*/, void** /*user*/, const char* /*name*/, Dwarf_Addr /*base*/,
                 const char* /*file*/, const char* /*link*/, GElf_Word /*checksum*/, char** /*found*/) {
  return -1;
}

void ask_the_linker(std::uintptr_t inside, stack_frame& into) {
  Dl_info found{};
  if (::dladdr(reinterpret_cast<void*>(inside), &found) != 0 && found.dli_sname != nullptr) {
    into.function = demangled(found.dli_sname);
  }
}

struct wanted_symbol {
  const dw_library& library;
  const char* symbol;
  const char* file;
  std::uintptr_t found = 0;
};

int look_for_symbol(Dwfl_Module* module, void** /*user*/, const char* name, Dwarf_Addr /*start*/, void* argument) {
  auto& wanted = *static_cast<wanted_symbol*>(argument);
  if (name == nullptr ||
      std::strstr(std::strrchr(name, '/') != nullptr ? std::strrchr(name, '/') : name, wanted.file) == nullptr) {
    return DWARF_CB_OK;
  }
  const int count = wanted.library.symbol_count(module);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol{};
    GElf_Addr address = 0;
    const char* each = wanted.library.symbol_at(module, i, &symbol, &address, nullptr, nullptr, nullptr);
    if (each != nullptr && symbol.st_shndx != SHN_UNDEF && std::strcmp(each, wanted.symbol) == 0) {
      wanted.found = address;
      return DWARF_CB_ABORT;
    }
  }
  return DWARF_CB_OK;
}

}  // namespace

debug_information::debug_information(pid_t process) : process_(process), library_(dw_library::of_program()) {
  if (!library_.usable) {
    return;
  }
  callbacks_.find_elf = library_.find_elf;
  callbacks_.find_debuginfo = nowhere_else;
  session_ = library_.begin(&callbacks_);
  refresh();
}

debug_information::~debug_information() {
  if (session_ != nullptr) {
    library_.end(session_);
  }
}

void debug_information::refresh() {
  if (session_ != nullptr) {
    library_.report_more(session_);
    library_.report_process(session_, process_);
    library_.report_end(session_, nullptr, nullptr);
  }
}

std::vector<stack_frame> debug_information::describe(std::span<const std::uintptr_t> stack) const {
  std::vector<stack_frame> frames;
  for (const std::uintptr_t address : stack) {
    // A call returns to the instruction behind it, which may belong to another line or function.
    const std::uintptr_t inside = frames.empty() ? address : address - 1;
    const auto [known, is_new] = described_.try_emplace(inside);
    if (is_new) {
      known->second = describe(inside);
    }
    for (const stack_frame& each : known->second) {
      frames.push_back(each);
      frames.back().address = address;
    }
  }
  return frames;
}

// `inside`: an address of the instruction meant, or of a later byte of it.
std::vector<stack_frame> debug_information::describe(std::uintptr_t inside) const {
  stack_frame frame;
  Dwfl_Module* module = session_ == nullptr ? nullptr : library_.module_at(session_, inside);
  if (module == nullptr) {
    if (process_ == ::getpid()) {
      ask_the_linker(inside, frame);
    }
    return {frame};
  }
  if (const char* name = library_.name_at(module, inside)) {
    frame.function = demangled(name);
  }
  return with_inlined(*module, inside, std::move(frame));
}

// Every unit is asked: Clang writes no table that says which addresses are in which unit.
std::vector<stack_frame> debug_information::with_inlined(Dwfl_Module& module, std::uintptr_t inside,
                                                         stack_frame outermost) const {
  Dwarf_Addr moved_by = 0;
  Dwarf_Die* unit = nullptr;
  do {
    unit = library_.next_unit(&module, unit, &moved_by);
  } while (unit != nullptr && library_.unit_has(unit, inside - moved_by) != 1);
  Dwarf_Line* line = unit == nullptr ? nullptr : library_.line_at(unit, inside - moved_by);
  const char* file = line == nullptr ? nullptr : library_.line_file(line, nullptr, nullptr);
  if (file == nullptr || library_.line_number(line, &outermost.line) != 0) {
    return {std::move(outermost)};
  }
  outermost.file = file;
  std::vector<stack_frame> frames;
  for (Dwarf_Die& scope : scopes_of(*unit, inside - moved_by)) {
    if (library_.tag_of(&scope) == DW_TAG_subprogram) {
      break;
    }
    if (library_.tag_of(&scope) == DW_TAG_inlined_subroutine) {
      frames.push_back({.function = name_of(scope), .file = outermost.file, .line = outermost.line});
      move_to_call(*unit, scope, outermost);
    }
  }
  frames.push_back(std::move(outermost));
  return frames;
}

// Innermost first. What libdw finds at an address goes on, behind an inlined function, with where that was written; what is
// around the innermost one goes on with where it was put.
std::vector<Dwarf_Die> debug_information::scopes_of(Dwarf_Die& unit, Dwarf_Addr address) const {
  using scopes = std::unique_ptr<Dwarf_Die, decltype(&std::free)>;
  Dwarf_Die* found = nullptr;
  const int count_there = library_.scopes_at(&unit, address, &found);
  const scopes there(found, &std::free);
  if (count_there <= 0) {
    return {};
  }
  found = nullptr;
  const int count = library_.scopes_around(there.get(), &found);
  const scopes around(found, &std::free);
  return count <= 0 ? std::vector<Dwarf_Die>() : std::vector<Dwarf_Die>(found, found + count);
}

std::string debug_information::name_of(Dwarf_Die& function) const {
  Dwarf_Attribute attribute{};
  const char* linked = library_.text_of(library_.attribute_of(&function, DW_AT_linkage_name, &attribute));
  const char* plain = linked == nullptr ? library_.plain_name_of(&function) : nullptr;
  return linked != nullptr ? demangled(linked) : plain != nullptr ? plain : "";
}

void debug_information::move_to_call(Dwarf_Die& unit, Dwarf_Die& function, stack_frame& into) const {
  const auto number = [&](unsigned int which) {
    Dwarf_Attribute attribute{};
    Dwarf_Word value = 0;
    return library_.number_of(library_.attribute_of(&function, which, &attribute), &value) == 0 ? value : 0;
  };
  Dwarf_Files* files = nullptr;
  const char* file = library_.files_of(&unit, &files, nullptr) == 0
                         ? library_.file_name(files, number(DW_AT_call_file), nullptr, nullptr)
                         : nullptr;
  into.file = file != nullptr ? file : "";
  into.line = file != nullptr ? static_cast<int>(number(DW_AT_call_line)) : 0;
}

const char* debug_information::file_at(std::uintptr_t address) const {
  Dwfl_Module* module = session_ == nullptr ? nullptr : library_.module_at(session_, address);
  return module == nullptr
             ? nullptr
             : library_.module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
}

std::uintptr_t debug_information::address_of(const char* symbol, const char* file) const {
  wanted_symbol wanted{.library = library_, .symbol = symbol, .file = file};
  if (session_ != nullptr) {
    library_.each_module(session_, &look_for_symbol, &wanted, 0);
  }
  return wanted.found;
}

}  // namespace whorl::detail
