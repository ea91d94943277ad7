// Reading the table that a job left behind.
//
// Thread: any that may block.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/places/may_block.h>

#include <cstdint>
#include <string>

namespace whorl {

// Fails: errc::not_found when retention has deleted it.
result<std::uint64_t> result_file_bytes(may_block& wait, const std::string& path);

// At most 256 KiB from `offset`; empty at the end.
result<std::string> read_result_piece(may_block& wait, const std::string& path, std::uint64_t offset);

// The header and the first `rows` rows, or fewer: as many as lie whole in the first MiB.
result<std::string> read_result_head(may_block& wait, const std::string& path, std::size_t rows);

}  // namespace whorl
