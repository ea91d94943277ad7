#include <whorl/jobs/bootstrap.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>
#include <thread>

namespace whorl {
namespace {

using namespace std::chrono_literals;

std::vector<double> means_in_parts(const std::vector<double>& sample, std::uint64_t resamples, std::size_t parts) {
  std::vector<double> all;
  for (const index_range range : split_range({.size = resamples, .parts = parts})) {
    const auto means = resample_means(sample, range, 5, {}).value();
    all.insert(all.end(), means.begin(), means.end());
  }
  return all;
}

std::vector<double> normal_sample(std::size_t size, double mean, double deviation) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(mean, deviation);
  std::vector<double> sample(size);
  std::ranges::generate(sample, [&] { return normal(random); });
  return sample;
}

TEST(Bootstrap, DoesNotDependOnHowTheWorkWasSplit) {
  const std::vector<double> sample = normal_sample(100, 10, 2);
  const std::vector<double> alone = means_in_parts(sample, 1000, 1);

  for (const std::size_t parts : {2, 3, 7, 1000}) {
    EXPECT_EQ(means_in_parts(sample, 1000, parts), alone) << parts << " parts";
  }
}

TEST(Bootstrap, DependsOnTheSeedAndTheResample) {
  const std::vector<double> sample = normal_sample(100, 10, 2);
  const auto means = [&](std::uint64_t seed, std::uint64_t first) {
    return resample_means(sample, {first, first + 10}, seed, {}).value();
  };

  EXPECT_EQ(means(1, 0), means(1, 0));
  EXPECT_NE(means(1, 0), means(2, 0));
  EXPECT_NE(means(1, 0), means(1, 10));
  EXPECT_NE(means(1, 1), means(2, 0)) << "seeds must not be the same stream, shifted";
}

// The standard error of a bootstrapped mean is known exactly: the sample's own deviation over the root of its size.
TEST(Bootstrap, SpreadsAsTheoryDemands) {
  const std::vector<double> sample = normal_sample(400, 50, 6);
  const double size = static_cast<double>(sample.size());
  const double centre = std::accumulate(sample.begin(), sample.end(), 0.0) / size;
  double squares = 0;
  for (const double number : sample) {
    squares += (number - centre) * (number - centre);
  }
  const double standard_error = std::sqrt(squares / size / size);

  const std::vector<double> means = resample_means(sample, {0, 40'000}, 11, {}).value();

  const double mean = std::accumulate(means.begin(), means.end(), 0.0) / 40'000;
  double spread = 0;
  for (const double number : means) {
    spread += (number - mean) * (number - mean);
  }
  EXPECT_NEAR(mean, centre, 4 * standard_error / 200);
  EXPECT_NEAR(std::sqrt(spread / 40'000) / standard_error, 1, 0.02);
  const bootstrap_interval interval = percentile_interval(sample, means, 0.95).value();
  EXPECT_NEAR((interval.low - centre) / standard_error, -1.96, 0.06);
  EXPECT_NEAR((interval.high - centre) / standard_error, 1.96, 0.06);
}

// Every number of the sample is drawn as often as every other.
TEST(Bootstrap, DrawsEveryNumberEquallyOften) {
  std::vector<double> counted;
  for (std::size_t chosen = 0; chosen < 7; ++chosen) {
    std::vector<double> sample(7, 0.0);
    sample[chosen] = 7;
    const std::vector<double> means = resample_means(sample, {0, 20'000}, 1, {}).value();
    counted.push_back(std::accumulate(means.begin(), means.end(), 0.0) / 20'000);
  }
  EXPECT_THAT(counted, testing::Each(testing::DoubleNear(1, 0.03)));
  EXPECT_NEAR(std::accumulate(counted.begin(), counted.end(), 0.0), 7, 1e-9) << "the same draws, whatever the numbers";
}

TEST(Bootstrap, InterpolatesBetweenMeans) {
  const std::vector<double> sample = {3};

  const bootstrap_interval interval = percentile_interval(sample, {5, 1, 4, 2, 3}, 0.7).value();

  EXPECT_DOUBLE_EQ(interval.mean, 3);
  EXPECT_DOUBLE_EQ(interval.low, 1.6);   // numpy.percentile([1, 2, 3, 4, 5], 15)
  EXPECT_DOUBLE_EQ(interval.high, 4.4);  // numpy.percentile([1, 2, 3, 4, 5], 85)
}

TEST(Bootstrap, OfOneNumberIsThatNumber) {
  const std::vector<double> sample = {7.5};

  const bootstrap_interval interval = percentile_interval(sample, means_in_parts(sample, 10, 2), 0.95).value();

  EXPECT_EQ(interval.low, 7.5);
  EXPECT_EQ(interval.high, 7.5);
}

TEST(Bootstrap, RefusesWhatHasNoInterval) {
  const std::vector<double> sample = {1, 2};
  const std::vector<double> large = {1.7e308, 1.7e308};

  EXPECT_FALSE(resample_means({}, {0, 1}, 1, {}));
  EXPECT_FALSE(percentile_interval({}, {1.0}, 0.9));
  EXPECT_FALSE(percentile_interval(sample, {}, 0.9));
  EXPECT_FALSE(percentile_interval(sample, {1.5}, 1));
  EXPECT_FALSE(percentile_interval(sample, {1.5}, std::nan("")));
  EXPECT_THAT(percentile_interval(large, {1.0}, 0.9).error().message(), testing::HasSubstr("too large"));
}

std::chrono::nanoseconds processor_time(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

struct stopping {
  bool cancelled;
  std::chrono::nanoseconds took;  // of the processor, so that a busy machine does not matter
};

// Stops resampling in the middle.
stopping stop_resampling(std::size_t size, std::uint64_t resamples) {
  const std::vector<double> sample(size, 1.0);
  std::stop_source stop;
  result<std::vector<double>> means;
  std::chrono::nanoseconds ended{};
  std::jthread worker([&] {
    means = resample_means(sample, {0, resamples}, 1, stop.get_token());
    ended = processor_time(CLOCK_THREAD_CPUTIME_ID);
  });
  clockid_t worker_clock{};
  pthread_getcpuclockid(worker.native_handle(), &worker_clock);
  while (processor_time(worker_clock) < 20ms) {
    std::this_thread::yield();
  }
  const std::chrono::nanoseconds asked = processor_time(worker_clock);
  stop.request_stop();
  worker.join();
  return {!means && means.error().is(errc::cancelled), ended - asked};
}

TEST(Bootstrap, StopsWithin50MillisecondsOfManySmallResamples) {
  const stopping stopped = stop_resampling(10, 20'000'000);
  EXPECT_TRUE(stopped.cancelled);
  EXPECT_LT(stopped.took, 50ms);
}

TEST(Bootstrap, StopsWithin50MillisecondsOfAFewLargeResamples) {
  const stopping stopped = stop_resampling(20'000'000, 1000);
  EXPECT_TRUE(stopped.cancelled);
  EXPECT_LT(stopped.took, 50ms);
}

}  // namespace
}  // namespace whorl
