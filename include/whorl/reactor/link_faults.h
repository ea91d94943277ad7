// What a link of the memory back end's network does to the bytes that travel over it, in one direction. The default is
// a perfect link, on which nothing takes time.
//
// Chances are from 0 to 1, and drawn from the network's seed. Whatever a link does, the bytes of one connection arrive
// in order and unchanged, as TCP's do; those of different connections overtake each other.
//
// Thread: a value.
#pragma once

#include <whorl/reactor/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace whorl {

struct link_faults {
  // How long a piece is on its way, drawn anew for each; for an attempt to connect, there and back.
  duration least_delay{};
  duration most_delay{};

  // Bytes that travel together. What was written at once is cut as often as split_chance says, and never into pieces
  // larger than largest_piece; what was written piece by piece may be read at once.
  double split_chance = 1;
  std::size_t largest_piece = 65536;

  // Bytes that were sent and not yet read; when there are so many, the writer has to wait.
  std::size_t window_bytes = 65536;

  double refuse_chance = 0;  // of each attempt to connect
  double reset_chance = 0;   // of each piece: the connection breaks behind it
  double stall_chance = 0;   // of each piece: it, and what follows it, comes later by up to longest_stall
  duration longest_stall{};

  // After so many bytes of a connection in this direction it is reset; or this direction ends, as when the writer ended
  // its side, and what is written further goes nowhere.
  std::optional<std::uint64_t> reset_at_byte = std::nullopt;
  std::optional<std::uint64_t> end_at_byte = std::nullopt;
};

// A connection that is being made, and what will happen to it: a hook may change that.
struct new_connection {
  std::uint64_t number;  // counted from 1, in the whole network
  std::string from;      // the host that connects
  std::string to;
  link_faults there;  // what it sends
  link_faults back;
};

// What the peers of a host that fails notice: a program that died, whose kernel resets its connections; or a host
// without power, which says nothing until it is up again.
enum class peers_see : std::uint8_t { resets, silence };

}  // namespace whorl
