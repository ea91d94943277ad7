// A verdict says in which of the five places a function may run, why, and under which condition, as far as the facts go.
//
//     const verdict found = judge("strtok");
//     found.at(place::pool).may;     // permission::no
//     found.in_thread;               // "strtok_r"
//
// Where facts disagree, what is known of a platform goes before what a standard asks, this C library before another one,
// better evidence before worse, and the stricter claim before the laxer; `disagreement` then says so, and the evidence of
// both is there.
//
// Thread:   any.
#pragma once

#include <whorl/facts/fact.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::facts {

enum class place : std::uint8_t { loop, pool, lane, process, jobs };
inline constexpr std::array every_place = {place::loop, place::pool, place::lane, place::process, place::jobs};

enum class permission : std::uint8_t { yes, on_condition, unknown, no };  // from lax to strict

std::string_view name_of(place where) noexcept;
std::string_view name_of(permission may) noexcept;  // "yes", "if", "unknown", "no"

struct place_verdict {
  permission may = permission::unknown;
  std::string why;
  std::string condition;  // of permission::on_condition; to be read after "if"
};

struct verdict {
  std::string symbol;  // as it was asked for
  bool found = false;
  std::string known_as;  // the symbol of the record it was found by: another one for an alias or a member
  std::array<place_verdict, every_place.size()> places;
  fact blocking;  // the fact that decided whether it waits, and the one that decided on threads
  fact threads;
  std::string does_not_wait_if;  // "" if there is no such condition
  std::string disagreement;      // "" if there is none
  std::vector<std::string_view> effects;
  std::string_view on_loop;
  std::string_view in_thread;
  std::vector<evidence> sources;
  std::vector<std::string_view> candidates;  // of a symbol that nothing is known of
  bool definitive = false;                   // both halves are known, nothing is guessed, and no source disagrees
  std::vector<std::string> look_at;          // where certainty is to be had

  const place_verdict& at(place where) const noexcept { return places.at(static_cast<std::size_t>(where)); }
};

// A name may be spelled as in "strtok()" or "strtok(3)", mangled, or without "std::" and "python:". What has no record of
// its own is looked for in what it is inside of.
verdict judge(std::string_view name);

// The same for facts that were found elsewhere.
verdict judge(std::string_view name, const std::vector<fact>& facts);

}  // namespace whorl::facts
