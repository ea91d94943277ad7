#include "guard/table_unwinder.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace whorl::detail {

namespace {

constexpr std::size_t most_frames = 128;

// What libdw asks of the process that it unwinds; its last argument is the snapshot being unwound, in a variable.
using current_snapshot = const thread_snapshot*;

const thread_snapshot& snapshot_in(void* argument) { return **static_cast<current_snapshot*>(argument); }

pid_t next_thread(Dwfl* /*session*/, void* argument, void** thread) {
  if (*thread != nullptr) {
    return 0;
  }
  *thread = argument;
  return snapshot_in(argument).thread();
}

bool get_thread(Dwfl* /*session*/, pid_t wanted, void* argument, void** thread) {
  *thread = argument;
  return snapshot_in(argument).thread() == wanted;
}

bool read_word(Dwfl* /*session*/, Dwarf_Addr address, Dwarf_Word* into, void* argument) {
  const auto word = snapshot_in(argument).word_at(address);
  *into = word.value_or(0);
  return word.has_value();
}

bool set_registers(Dwfl_Thread* thread, void* argument) {
  const dw_library& library = dw_library::of_program();
  const known_registers& known = snapshot_in(argument).registers();
  for (std::size_t number = 0; number < known.values.size(); ++number) {
    const auto& value = known.values[number];
    if (!value) {
      continue;
    }
    if (number == known_registers::instruction) {
      library.set_instruction(thread, *value);
    }
    const Dwarf_Word word = *value;
    static_cast<void>(library.set_registers(thread, static_cast<int>(number), 1, &word));
  }
  return true;
}

// None: the frame pointer is not set just before this instruction.
std::optional<std::uintptr_t> frame_size_behind(const thread_snapshot& taken, std::uintptr_t instruction) {
#if defined(__x86_64__)
  constexpr std::array<std::uint8_t, 3> sets_frame_pointer{0x48, 0x89, 0xe5};  // mov %rsp,%rbp
  std::array<std::uint8_t, 48> code{};
  code.fill(0xcc);
  static_cast<void>(taken.read(instruction - sets_frame_pointer.size(), code.data(), code.size()));
  if (!std::ranges::equal(sets_frame_pointer, std::span(code).first(sets_frame_pointer.size()))) {
    return std::nullopt;
  }
  std::size_t at = sets_frame_pointer.size();
  std::uintptr_t pushed = 0;
  for (bool more = true; more;) {  // push %rbx, push %r15
    const std::size_t length = code[at] == 0x41 ? 2 : 1;
    more = (code[at + length - 1] & 0xf8U) == 0x50;
    at += more ? length : 0;
    pushed += more ? sizeof(std::uintptr_t) : 0;
  }
  for (; at + 7 <= code.size(); ++at) {  // sub $moved,%rsp; others may come between
    if (code[at] == 0x48 && code[at + 1] == 0x83 && code[at + 2] == 0xec) {
      return pushed + code[at + 3];
    }
    if (code[at] == 0x48 && code[at + 1] == 0x81 && code[at + 2] == 0xec) {
      std::int32_t moved = 0;
      std::memcpy(&moved, &code[at + 3], sizeof moved);
      return pushed + static_cast<std::uintptr_t>(moved);
    }
  }
  return pushed;
#else
  static_cast<void>(taken);
  static_cast<void>(instruction);
  return std::nullopt;
#endif
}

constexpr Dwfl_Thread_Callbacks questions{.next_thread = &next_thread,
                                          .get_thread = &get_thread,
                                          .memory_read = &read_word,
                                          .set_initial_registers = &set_registers,
                                          .detach = nullptr,
                                          .thread_detach = nullptr};

}  // namespace

table_unwinder::table_unwinder(const debug_information& information, pid_t process)
    : information_(information), process_(process) {}

std::vector<std::uintptr_t> table_unwinder::unwind(const thread_snapshot& taken) {
  walk known = follow(taken);
  if (!known.addresses.empty() && !taken.registers().values[known_registers::frame_pointer]) {
    for (const std::uintptr_t each : frame_pointers(taken, known)) {
      walk farther = follow(taken.with(known_registers::frame_pointer, each));
      if (farther.addresses.size() > known.addresses.size() &&
          std::ranges::all_of(farther.addresses, [this](std::uintptr_t address) { return in_code(address); })) {
        return std::move(farther.addresses);
      }
    }
  }
  return std::move(known.addresses);
}

int table_unwinder::add_frame(Dwfl_Frame* frame, void* into) {
  const dw_library& library = dw_library::of_program();
  walk& walked = *static_cast<walk*>(into);
  Dwarf_Addr address = 0;
  Dwarf_Word stack_pointer = 0;
  if (!library.instruction_of(frame, &address, nullptr) || walked.addresses.size() == most_frames) {
    return DWARF_CB_ABORT;
  }
  static_cast<void>(library.register_of(frame, known_registers::stack_pointer, &stack_pointer));
  walked.addresses.push_back(address);
  walked.stack_pointer = stack_pointer;
  return DWARF_CB_OK;
}

table_unwinder::walk table_unwinder::follow(const thread_snapshot& taken) {
  const dw_library& library = dw_library::of_program();
  if (information_.session() == nullptr) {
    return {};
  }
  taken_ = &taken;
  attached_ =
      attached_ || library.attach(information_.session(), nullptr, process_, &questions, static_cast<void*>(&taken_));
  walk walked;
  if (attached_) {
    library.each_frame(information_.session(), taken.thread(), &add_frame, &walked);
  }
  taken_ = nullptr;
  return walked;
}

// What it may be in the function where a walk stopped without it, the most probable first: where this function has left the
// stack pointer, or farther out by the arguments of a call on the stack; or else wherever there is something like a frame.
std::vector<std::uintptr_t> table_unwinder::frame_pointers(const thread_snapshot& taken, const walk& stopped) const {
  constexpr std::size_t most_guesses = 4;
  constexpr std::size_t most_arguments = 10;
  const auto words = taken.words();
  const auto place_of = [&](std::uintptr_t address) {
    return std::min((address - taken.stack_pointer()) / sizeof(std::uintptr_t), words.size());
  };
  std::vector<std::uintptr_t> possible;
  const auto look = [&](std::size_t first, std::size_t last, auto fits) {
    for (std::size_t i = first; possible.size() < most_guesses && i + 1 < std::min(last, words.size()); ++i) {
      if (follows_a_call(taken, words[i + 1]) && fits(i)) {
        possible.push_back(taken.stack_pointer() + i * sizeof(std::uintptr_t));
      }
    }
  };
  if (const auto size = frame_size(taken, stopped.addresses.back() - 1)) {
    const std::size_t first = place_of(stopped.stack_pointer + *size);
    look(first, first + most_arguments, [](std::size_t) { return true; });
  }
  look(place_of(stopped.stack_pointer), words.size(), [&](std::size_t i) { return leads_to_a_frame(taken, i); });
  return possible;
}

// Between the frame pointer and the stack pointer in the function of this address: by the instructions behind the one that
// sets the frame pointer, which is where a row of the function's table begins.
std::optional<std::uintptr_t> table_unwinder::frame_size(const thread_snapshot& taken, std::uintptr_t address) const {
  constexpr std::size_t most_rows = 64;
  const dw_library& library = dw_library::of_program();
  Dwarf_Addr moved_by = 0;
  Dwfl_Module* module = library.module_at(information_.session(), address);
  Dwarf_CFI* tables = module == nullptr ? nullptr : library.tables_of(module, &moved_by);
  for (std::size_t i = 0; tables != nullptr && i < most_rows; ++i) {
    Dwarf_Frame* row = nullptr;
    Dwarf_Addr begin = 0;
    Dwarf_Addr end = 0;
    if (library.row_at(tables, address - moved_by, &row) != 0) {
      break;
    }
    const std::unique_ptr<Dwarf_Frame, decltype(&std::free)> owned(row, &std::free);
    if (library.range_of_row(row, &begin, &end, nullptr) < 0) {
      break;
    }
    if (const auto size = frame_size_behind(taken, begin + moved_by)) {
      return size;
    }
    address = begin + moved_by - 1;
  }
  return std::nullopt;
}

// The address of another frame, farther out.
bool table_unwinder::leads_to_a_frame(const thread_snapshot& taken, std::size_t word) const {
  const auto words = taken.words();
  const std::uintptr_t here = taken.stack_pointer() + word * sizeof(std::uintptr_t);
  const std::uintptr_t end = taken.stack_pointer() + words.size_bytes();
  const std::uintptr_t outer = words[word];
  return outer > here && outer < end && outer % sizeof(std::uintptr_t) == 0 &&
         follows_a_call(taken, taken.word_at(outer + sizeof(std::uintptr_t)).value_or(0));
}

// Whether an instruction that calls something ends here.
bool table_unwinder::follows_a_call(const thread_snapshot& taken, std::uintptr_t address) const {
  if (!in_code(address)) {
    return false;
  }
#if defined(__x86_64__)
  std::array<std::uint8_t, 7> before{};
  if (taken.read(address - before.size(), before.data(), before.size()) != before.size()) {
    return false;
  }
  const auto is_indirect = [&](std::size_t length) {  // ff /2, with 2 to 7 bytes
    return before[7 - length] == 0xff && (before[8 - length] >> 3 & 7U) == 2;
  };
  return before[2] == 0xe8 || is_indirect(2) || is_indirect(3) || is_indirect(4) || is_indirect(6) || is_indirect(7);
#else
  return true;
#endif
}

bool table_unwinder::in_code(std::uintptr_t address) const {
  return dw_library::of_program().module_at(information_.session(), address) != nullptr;
}

}  // namespace whorl::detail
