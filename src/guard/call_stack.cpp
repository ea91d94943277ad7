#include <cxxabi.h>
#include <dlfcn.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <whorl/deferred/mutex.h>
#include <whorl/guard/call_stack.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

// libdw is loaded when a stack is first resolved: a program that is never stuck does without it and what it brings.

namespace whorl {

namespace {

// The functions of libdw that are used here.
struct dw_library {
  dw_library() noexcept : handle(::dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (handle != nullptr) {
      find(begin, "dwfl_begin");
      find(end, "dwfl_end");
      find(report_begin, "dwfl_report_begin");
      find(report_end, "dwfl_report_end");
      find(report_process, "dwfl_linux_proc_report");
      find(find_elf, "dwfl_linux_proc_find_elf");
      find(module_at, "dwfl_addrmodule");
      find(name_at, "dwfl_module_addrname");
      find(next_unit, "dwfl_module_nextcu");
      find(unit_has, "dwarf_haspc");
      find(line_at, "dwarf_getsrc_die");
      find(line_number, "dwarf_lineno");
      find(line_file, "dwarf_linesrc");
    }
  }

  template <class Function>
  void find(Function& function, const char* name) noexcept {
    function = reinterpret_cast<Function>(::dlsym(handle, name));
    complete = complete && function != nullptr;
  }

  void* handle;
  bool complete = true;
  decltype(&dwfl_begin) begin = nullptr;
  decltype(&dwfl_end) end = nullptr;
  decltype(&dwfl_report_begin) report_begin = nullptr;
  decltype(&dwfl_report_end) report_end = nullptr;
  decltype(&dwfl_linux_proc_report) report_process = nullptr;
  decltype(&dwfl_linux_proc_find_elf) find_elf = nullptr;
  decltype(&dwfl_addrmodule) module_at = nullptr;
  decltype(&dwfl_module_addrname) name_at = nullptr;
  decltype(&dwfl_module_nextcu) next_unit = nullptr;
  decltype(&dwarf_haspc) unit_has = nullptr;
  decltype(&dwarf_getsrc_die) line_at = nullptr;
  decltype(&dwarf_lineno) line_number = nullptr;
  decltype(&dwarf_linesrc) line_file = nullptr;
};

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

// Loaded once, and never given back: threads may ask while the program ends.
const dw_library& library_of_program() {
  static const auto& one = *new dw_library;
  return one;
}

// Debug information that is in no mapped file is not looked for: libdw would ask servers on the network for it.
int nowhere_else(Dwfl_Module* /*module*/, void** /*user*/, const char* /*name*/, Dwarf_Addr /*base*/,
                 const char* /*file*/, const char* /*link*/, GElf_Word /*checksum*/, char** /*found*/) {
  return -1;
}

// What is mapped into the process now, with its debug information. It holds descriptors and much memory while it lives.
class debug_information {
 public:
  debug_information() : library_(library_of_program()) {
    if (library_.handle == nullptr || !library_.complete) {
      return;
    }
    callbacks_.find_elf = library_.find_elf;
    callbacks_.find_debuginfo = nowhere_else;
    session_ = library_.begin(&callbacks_);
    if (session_ != nullptr) {
      library_.report_begin(session_);
      library_.report_process(session_, ::getpid());
      library_.report_end(session_, nullptr, nullptr);
    }
  }
  debug_information(const debug_information&) = delete;
  debug_information& operator=(const debug_information&) = delete;
  ~debug_information() {
    if (session_ != nullptr) {
      library_.end(session_);
    }
  }

  // `inside`: an address of the instruction meant, or of a later byte of it.
  void describe(std::uintptr_t inside, stack_frame& into) const {
    Dwfl_Module* module = session_ == nullptr ? nullptr : library_.module_at(session_, inside);
    if (module == nullptr) {
      ask_the_linker(inside, into);
      return;
    }
    if (const char* name = library_.name_at(module, inside)) {
      into.function = demangled(name);
    }
    find_line(*module, inside, into);
  }

 private:
  // Every unit is asked: Clang writes no table that says which addresses are in which unit.
  void find_line(Dwfl_Module& module, std::uintptr_t inside, stack_frame& into) const {
    Dwarf_Addr moved_by = 0;
    Dwarf_Die* unit = nullptr;
    do {
      unit = library_.next_unit(&module, unit, &moved_by);
    } while (unit != nullptr && library_.unit_has(unit, inside - moved_by) != 1);
    Dwarf_Line* line = unit == nullptr ? nullptr : library_.line_at(unit, inside - moved_by);
    const char* file = line == nullptr ? nullptr : library_.line_file(line, nullptr, nullptr);
    if (file != nullptr && library_.line_number(line, &into.line) == 0) {
      into.file = file;
    }
  }

  static void ask_the_linker(std::uintptr_t inside, stack_frame& into) {
    Dl_info found{};
    if (::dladdr(reinterpret_cast<void*>(inside), &found) != 0 && found.dli_sname != nullptr) {
      into.function = demangled(found.dli_sname);
    }
  }

  const dw_library& library_;
  Dwfl_Callbacks callbacks_{};
  Dwfl* session_ = nullptr;
};

constinit mutex resolving;
constinit std::size_t keepers WHORL_GUARDED_BY(resolving) = 0;

// Never destroyed: threads may ask while the program ends.
std::unique_ptr<debug_information>& kept_information() WHORL_REQUIRES(resolving) {
  static auto& kept = *new std::unique_ptr<debug_information>;
  return kept;
}

}  // namespace

kept_debug_information::kept_debug_information() {
  const mutex_lock lock(resolving);
  ++keepers;
}

kept_debug_information::~kept_debug_information() {
  const mutex_lock lock(resolving);
  if (--keepers == 0) {
    kept_information().reset();
  }
}

bool lies_between(const stack_frame& frame) {
  constexpr std::array<std::string_view, 6> inner{"std::", "whorl::detail::", "_ZNSt", "_ZSt", "_ZNKSt", "__gthread"};
  return std::ranges::any_of(inner, [&](std::string_view prefix) { return frame.function.starts_with(prefix); }) ||
         frame.file.find("/src/calls/wrap_") != std::string::npos;
}

std::string stack_frame::describe() const {
  std::string name = function.empty() ? fmt::format("{:#x}", address) : function;
  if (file.empty()) {
    return name;
  }
  return fmt::format("{} ({}:{})", name, std::string_view(file).substr(file.rfind('/') + 1), line);
}

std::vector<stack_frame> resolve(std::span<const std::uintptr_t> stack) {
  const mutex_lock lock(resolving);
  auto& kept = kept_information();
  if (!kept) {
    kept = std::make_unique<debug_information>();
  }
  std::vector<stack_frame> frames;
  for (const std::uintptr_t address : stack) {
    stack_frame& frame = frames.emplace_back();
    frame.address = address;
    // A call returns to the instruction behind it, which may belong to another line or function.
    kept->describe(frames.size() == 1 ? address : address - 1, frame);
  }
  if (keepers == 0) {
    kept.reset();
  }
  return frames;
}

std::string describe(std::span<const stack_frame> stack) {
  std::string text;
  const bool all = std::ranges::all_of(stack, lies_between);
  for (const stack_frame& each : stack) {
    if (!all && lies_between(each)) {
      continue;
    }
    text += fmt::format("{}{}", text.empty() ? "" : " < ", each.describe());
  }
  return text;
}

}  // namespace whorl
