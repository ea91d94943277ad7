// The job store that lasts: jobs are kept in a SQLite file, which one process has for itself while the store is open.
//
// What a deferred has answered is on the disk: it survives a power cut and a kill -9 (write-ahead log, synchronous=FULL).
// The file lives in a lane; all operations that were asked for while one commit was underway share the next one.
//
// Fails: when the disk is full or fails, the operations of that group fail and change nothing; later ones are tried
//        again, and succeed when the disk does. (After a commit whose own fsync failed it is not certain whether the
//        group was written until the next one succeeded.)
// Cost:  a commit some 2 ms on a common disk, whatever the size of its group; an operation some 10 us of the lane.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/jobs/job_store.h>

#include <memory>
#include <string>

namespace whorl {

struct sqlite_job_store_options {
  std::string path;
  job_limits limits{};
  job_clock clock = system_job_clock;
};

// Opens the file, or makes it. Running jobs of an earlier process stay running until recover() or expire().
// Fails: errc::conflict while another process has the file, and says which; errc::bad_input for a file that is no job
// store; errc::unsupported for one from a newer program; else SQLite's error.
deferred<std::unique_ptr<job_store>> open_sqlite_job_store(sqlite_job_store_options options);

}  // namespace whorl
