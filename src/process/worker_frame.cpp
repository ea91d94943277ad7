#include "process/worker_frame.h"

#include <whorl/process/exit_status.h>
#include <whorl/process/packing.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reactor/real_time_exempt.h"

namespace whorl::process {

namespace {

constexpr std::size_t kept_bytes = std::size_t{1} << 20;  // pages once touched are quicker the next time

const std::array<const std::error_category*, 4>& shared_categories() {
  static const std::array<const std::error_category*, 4> all{&make_error_code(errc::exception).category(),
                                                             &make_error_code(failed::by_signal).category(),
                                                             &std::system_category(), &std::generic_category()};
  return all;
}

}  // namespace

std::string frame_of(frame_header header, std::string_view name, std::string_view payload) {
  header.name_bytes = name.size();
  header.payload_bytes = payload.size();
  std::string made(reinterpret_cast<const char*>(&header), sizeof header);
  made.append(name);
  if (payload.size() <= most_bytes_in_pipe) made.append(payload);
  return made;
}

frame_header header_of(std::string_view bytes) noexcept {
  frame_header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

result<shared_memory> shared_memory::make(std::size_t bytes) {
  const detail::real_time_exempt because("the file is in memory");
  shared_memory made(unique_fd(::memfd_create("whorl worker", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
  if (made.fd() < 0 || ::ftruncate(made.fd(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(made.fd(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return std::unexpected(error::system(errno, "make the memory that is shared with a worker process"));
  }
  return made;
}

std::size_t shared_memory::size() const noexcept {
  struct stat about{};
  return ::fstat(fd(), &about) == 0 ? static_cast<std::size_t>(about.st_size) : 0;
}

result<void> shared_memory::write(std::string_view bytes) const {
  const detail::real_time_exempt because("the file is in memory");
  off_t at = 0;
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd(), bytes.data(), bytes.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return std::unexpected(error::system(errno, "write to the memory that is shared with a worker process"));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  return {};
}

result<std::string> shared_memory::read(std::size_t bytes) const {
  const detail::real_time_exempt because("the file is in memory");
  std::string came(bytes, '\0');
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::pread(fd(), came.data() + done, bytes - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return std::unexpected(
          error::system(got < 0 ? errno : EIO, "read the memory that is shared with a worker process"));
    }
    done += static_cast<std::size_t>(got);
  }
  return came;
}

void shared_memory::release(std::size_t bytes) const noexcept {
  if (bytes > kept_bytes) {
    ::fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
  }
}

std::string pack_error(const error& why) {
  const auto& categories = shared_categories();
  std::uint32_t category = 0;
  int code = static_cast<int>(errc::exception);
  for (std::uint32_t each = 0; each < categories.size(); ++each) {
    if (why.code().category() == *categories[each]) {
      category = each;
      code = why.code().value();
    }
  }
  std::string packed;
  packing<std::uint32_t>::pack(packed, category);
  packing<int>::pack(packed, code);
  packing<std::string>::pack(packed, why.message());
  return packed;
}

error unpack_error(std::string_view packed) {
  unpacker from(packed);
  const auto category = packing<std::uint32_t>::unpack(from);
  const int code = packing<int>::unpack(from);
  std::string message = packing<std::string>::unpack(from);
  from.finish();
  return {std::error_code(code, *shared_categories().at(category % shared_categories().size())), std::move(message)};
}

}  // namespace whorl::process
