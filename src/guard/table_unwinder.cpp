#include "guard/table_unwinder.h"

#include <algorithm>
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

int add_frame(Dwfl_Frame* frame, void* into) {
  auto& addresses = *static_cast<std::vector<std::uintptr_t>*>(into);
  Dwarf_Addr address = 0;
  if (!dw_library::of_program().instruction_of(frame, &address, nullptr) || addresses.size() == most_frames) {
    return DWARF_CB_ABORT;
  }
  addresses.push_back(address);
  return DWARF_CB_OK;
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

// The right guess leads farthest; where none is needed, none leads farther.
std::vector<std::uintptr_t> table_unwinder::unwind(const thread_snapshot& taken) {
  constexpr std::size_t most_guesses = 4;
  std::vector<std::uintptr_t> best = follow(taken);
  if (best.empty() || taken.registers().values[known_registers::frame_pointer]) {
    return best;
  }
  std::size_t guesses = 0;
  for (std::size_t i = 0; guesses < most_guesses && i + 1 < taken.words().size(); ++i) {
    if (looks_like_frame(taken, i)) {
      const std::uintptr_t guess = taken.stack_pointer() + i * sizeof(std::uintptr_t);
      auto other = follow(taken.with(known_registers::frame_pointer, guess));
      if (other.size() > best.size() &&
          std::ranges::all_of(other, [this](std::uintptr_t each) { return in_code(each); })) {
        best = std::move(other);
      }
      ++guesses;
    }
  }
  return best;
}

std::vector<std::uintptr_t> table_unwinder::follow(const thread_snapshot& taken) {
  const dw_library& library = dw_library::of_program();
  std::vector<std::uintptr_t> addresses;
  if (information_.session() == nullptr) {
    return addresses;
  }
  taken_ = &taken;
  attached_ =
      attached_ || library.attach(information_.session(), nullptr, process_, &questions, static_cast<void*>(&taken_));
  if (attached_) {
    library.each_frame(information_.session(), taken.thread(), &add_frame, &addresses);
  }
  taken_ = nullptr;
  return addresses;
}

// Two words: the address of another frame, farther out, and one in code; and there the same.
bool table_unwinder::looks_like_frame(const thread_snapshot& taken, std::size_t word) const {
  const auto words = taken.words();
  const std::uintptr_t here = taken.stack_pointer() + word * sizeof(std::uintptr_t);
  const std::uintptr_t end = taken.stack_pointer() + words.size_bytes();
  const std::uintptr_t outer = words[word];
  return outer > here && outer < end && outer % sizeof(std::uintptr_t) == 0 && in_code(words[word + 1]) &&
         in_code(taken.word_at(outer + sizeof(std::uintptr_t)).value_or(0));
}

bool table_unwinder::in_code(std::uintptr_t address) const {
  return dw_library::of_program().module_at(information_.session(), address) != nullptr;
}

}  // namespace whorl::detail
