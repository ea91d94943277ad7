#include "guard/python_stack.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

namespace whorl::detail {

// Where the parts of CPython's structures lie, in bytes.
struct python_layout {
  std::uint32_t version;  // major and minor
  std::uintptr_t runtime_interpreters;
  std::uintptr_t interpreter_threads;
  std::uintptr_t thread_next;
  std::uintptr_t thread_number;
  std::uintptr_t thread_c_frame;
  std::uintptr_t c_frame_current;
  std::uintptr_t frame_code;
  std::uintptr_t frame_previous;
  std::uintptr_t frame_instruction;
  std::uintptr_t frame_owner;
  std::uintptr_t code_first_line;
  std::uintptr_t code_file;
  std::uintptr_t code_name;
  std::uintptr_t code_lines;
  std::uintptr_t code_instructions;
  std::uintptr_t ascii_text;
  std::uintptr_t other_text;
};

namespace {

constexpr std::size_t most_frames = 128;
constexpr std::size_t most_threads = 4096;
constexpr std::size_t longest_text = 1024;

constexpr std::array layouts{
    python_layout{.version = 0x030b,
                  .runtime_interpreters = 40,
                  .interpreter_threads = 16,
                  .thread_next = 8,
                  .thread_number = 160,
                  .thread_c_frame = 56,
                  .c_frame_current = 8,
                  .frame_code = 32,
                  .frame_previous = 48,
                  .frame_instruction = 56,
                  .frame_owner = 69,
                  .code_first_line = 72,
                  .code_file = 112,
                  .code_name = 128,
                  .code_lines = 136,
                  .code_instructions = 184,
                  .ascii_text = 48,
                  .other_text = 72},
};

constexpr char owned_by_c = 3;  // a frame that stands for a call from C (3.12 and later)

// Objects/locations.md: a byte with its highest bit begins an entry, with a kind and how many instructions it is for.
class line_table {
 public:
  explicit line_table(std::span<const std::uint8_t> bytes) noexcept : bytes_(bytes) {}

  // Of the instruction that is so many bytes from the first; 0: it has none.
  int line_at(std::uintptr_t offset, int first_line) noexcept {
    int line = first_line;
    std::uintptr_t end = 0;
    while (at_ < bytes_.size()) {
      const std::uint8_t head = bytes_[at_++];
      const unsigned kind = head >> 3U & 15U;
      end += 2 * ((head & 7U) + 1);
      line += step_of(kind);
      if (offset < end) {
        constexpr unsigned without_line = 15;
        return kind == without_line ? 0 : line;
      }
      skip_rest();
    }
    return 0;
  }

 private:
  int step_of(unsigned kind) noexcept {
    constexpr unsigned same_line_below = 10;
    constexpr unsigned long_form = 14;
    constexpr unsigned without_columns = 13;
    if (kind == long_form || kind == without_columns) {
      return signed_number();
    }
    return kind >= same_line_below && kind < without_columns ? static_cast<int>(kind - same_line_below) : 0;
  }

  int signed_number() noexcept {
    std::uint32_t number = 0;
    std::uint8_t part = 0x40;
    for (unsigned shift = 0; (part & 0x40U) != 0 && at_ < bytes_.size() && shift < 30; shift += 6) {
      part = bytes_[at_++];
      number |= std::uint32_t{part & 0x3fU} << shift;
    }
    const auto half = static_cast<int>(number >> 1U);
    return (number & 1U) != 0 ? -half : half;
  }

  void skip_rest() noexcept {
    while (at_ < bytes_.size() && (bytes_[at_] & 0x80U) == 0) {
      ++at_;
    }
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

void append_utf8(std::string& text, std::uint32_t letter) {
  if (letter < 0x80) {
    text += static_cast<char>(letter);
  } else if (letter < 0x800) {
    text += static_cast<char>(0xc0U | letter >> 6U);
    text += static_cast<char>(0x80U | (letter & 0x3fU));
  } else if (letter < 0x10000) {
    text += static_cast<char>(0xe0U | letter >> 12U);
    text += static_cast<char>(0x80U | (letter >> 6U & 0x3fU));
    text += static_cast<char>(0x80U | (letter & 0x3fU));
  } else {
    text += static_cast<char>(0xf0U | letter >> 18U);
    text += static_cast<char>(0x80U | (letter >> 12U & 0x3fU));
    text += static_cast<char>(0x80U | (letter >> 6U & 0x3fU));
    text += static_cast<char>(0x80U | (letter & 0x3fU));
  }
}

}  // namespace

std::optional<python_stack> python_stack::of(const process_memory& memory, const debug_information& information) {
  const std::uintptr_t runtime = information.address_of("_PyRuntime", "python");
  const std::uintptr_t version_at = runtime == 0 ? 0 : information.address_of("Py_Version", "python");
  const auto version = version_at == 0 ? std::nullopt : memory.get<unsigned long>(version_at);
  if (!version) {
    return std::nullopt;
  }
  const auto* layout = std::ranges::find(layouts, static_cast<std::uint32_t>(*version >> 16U), &python_layout::version);
  if (layout == layouts.end()) {
    return std::nullopt;
  }
  return python_stack(memory, *layout, runtime);
}

std::vector<stack_frame> python_stack::of_thread(pid_t thread) const {
  std::vector<stack_frame> frames;
  const std::uintptr_t state = state_of(thread);
  const std::uintptr_t c_frame = state == 0 ? 0 : word_at(state + layout_->thread_c_frame);
  std::uintptr_t frame = c_frame == 0 ? 0 : word_at(c_frame + layout_->c_frame_current);
  for (std::size_t seen = 0; frame != 0 && seen < most_frames; ++seen) {
    const auto owner = memory_.get<char>(frame + layout_->frame_owner);
    const std::uintptr_t code = word_at(frame + layout_->frame_code);
    if (!owner || code == 0) {
      break;
    }
    if (*owner != owned_by_c) {
      frames.push_back(describe(code, word_at(frame + layout_->frame_instruction)));
    }
    frame = word_at(frame + layout_->frame_previous);
  }
  return frames;
}

std::uintptr_t python_stack::word_at(std::uintptr_t address) const {
  return memory_.get<std::uintptr_t>(address).value_or(0);
}

// Of the first interpreter: what others run is another program's.
std::uintptr_t python_stack::state_of(pid_t thread) const {
  const std::uintptr_t interpreter = word_at(runtime_ + layout_->runtime_interpreters);
  std::uintptr_t state = interpreter == 0 ? 0 : word_at(interpreter + layout_->interpreter_threads);
  for (std::size_t seen = 0; state != 0 && seen < most_threads; ++seen) {
    if (word_at(state + layout_->thread_number) == static_cast<std::uintptr_t>(thread)) {
      return state;
    }
    state = word_at(state + layout_->thread_next);
  }
  return 0;
}

stack_frame python_stack::describe(std::uintptr_t code, std::uintptr_t instruction) const {
  const auto first_line = memory_.get<int>(code + layout_->code_first_line).value_or(0);
  const auto lines = bytes_at(word_at(code + layout_->code_lines));
  return {.function = text_at(word_at(code + layout_->code_name)),
          .file = text_at(word_at(code + layout_->code_file)),
          .line = line_table(lines).line_at(instruction - (code + layout_->code_instructions), first_line),
          .address = instruction};
}

// PyASCIIObject: how many letters, and of which kind.
std::string python_stack::text_at(std::uintptr_t unicode) const {
  const std::size_t letters = std::min(word_at(unicode + 16), longest_text);
  const auto state = memory_.get<std::uint32_t>(unicode + 32).value_or(0);
  const std::size_t width = state >> 2U & 7U;
  const bool compact = (state >> 5U & 1U) != 0;
  const bool ascii = (state >> 6U & 1U) != 0;
  if (!compact || (width != 1 && width != 2 && width != 4)) {
    return {};
  }
  std::vector<std::uint8_t> raw(letters * width);
  raw.resize(memory_.read(unicode + (ascii ? layout_->ascii_text : layout_->other_text), raw.data(), raw.size()));
  std::string text;
  for (std::size_t at = 0; at + width <= raw.size(); at += width) {
    std::uint32_t letter = 0;
    for (std::size_t byte = width; byte-- > 0;) {
      letter = letter << 8U | raw[at + byte];
    }
    append_utf8(text, letter);
  }
  return text;
}

// PyBytesObject.
std::vector<std::uint8_t> python_stack::bytes_at(std::uintptr_t bytes) const {
  constexpr std::uintptr_t longest = 1U << 20U;
  std::vector<std::uint8_t> content(std::min(word_at(bytes + 16), longest));
  content.resize(memory_.read(bytes + 32, content.data(), content.size()));
  return content;
}

}  // namespace whorl::detail
