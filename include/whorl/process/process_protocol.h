// A process_protocol is what a program makes of one child process: it is pushed events, in the past tense, and answers
// through the child's handle.
//
// Exit and end are different events (S98): a child has exited when it died, and has ended when every pipe is closed too,
// which a grandchild that holds one may delay as long as it lives; see child::end_on_exit.
//
// Thread:   everything is called on the loop's thread, never from inside a call that the protocol makes.
// Lifetime: owned by its child; both are destroyed right after process_ended returned.
// Fails:    an exception from any event is logged, and the child's life goes on being told (S105); one from
//           output_received closes that pipe.
#pragma once

#include <whorl/process/exit_status.h>
#include <whorl/reactor/backend.h>

namespace whorl::process {

class child;

class process_protocol {
 public:
  process_protocol() = default;
  process_protocol(const process_protocol&) = delete;
  process_protocol& operator=(const process_protocol&) = delete;
  virtual ~process_protocol() = default;

  // Once, first: the program runs. The child lives as long as the protocol.
  virtual void process_started(child& /*started*/) {}

  // Some bytes that the child wrote to its descriptor `fd`, in order. Lent until the call returns.
  virtual void output_received(int fd, bytes_view bytes) = 0;
  // Nothing more comes from `fd`: everybody who could write has closed it, or close(fd) was called.
  virtual void output_ended(int /*fd*/) {}

  // As many bytes as the high-water mark wait to be sent to `fd`; stop writing until writing_resumed.
  virtual void writing_paused(int /*fd*/) {}
  virtual void writing_resumed(int /*fd*/) {}
  // Nothing more can be sent to `fd`: nobody reads there any more, or close(fd) was called and all is sent.
  virtual void input_ended(int /*fd*/) {}

  // Once: the child died.
  virtual void process_exited(const exit_status& /*how*/) {}
  // Once, last, after process_exited: and all its output has been delivered (S103).
  virtual void process_ended(const exit_status& how) = 0;
};

}  // namespace whorl::process
