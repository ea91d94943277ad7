// The tests' main: worker processes are this program, executed again.

#include <whorl/process/process_function.h>

#include <gmock/gmock.h>

int main(int argc, char** argv) {
  whorl::run_worker_if_asked();
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
