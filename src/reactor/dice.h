// Dice draw numbers from a seed: the same ones on every machine, with every compiler and library.
//
// Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (the mixing function of SplitMix).
#pragma once

#include <cstdint>

namespace whorl {

class dice {
 public:
  explicit dice(std::uint64_t seed) noexcept : state_(seed) {}

  // From 0 to `most`, both included.
  std::uint64_t choose(std::uint64_t most) noexcept { return most == UINT64_MAX ? draw() : draw() % (most + 1); }

  // True as often as `chance` says; draws nothing where that is never.
  bool hit(double chance) noexcept { return chance > 0 && static_cast<double>(draw() >> 11U) * 0x1.0p-53 < chance; }

 private:
  std::uint64_t draw() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

  std::uint64_t state_;
};

}  // namespace whorl
