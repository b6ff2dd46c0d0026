// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

// libFuzzer's entry; each target defines it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxBytes = 4'096;

void give(const std::string& bytes) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the entry's own type for bytes.
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

/// What is in the files of a folder; nothing where there is none.
std::vector<std::string> read_all(const std::filesystem::path& folder) {
  std::vector<std::string> inputs;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    if (in.bad() || !in.is_open()) {
      std::fprintf(stderr, "cannot read %s\n", entry.path().c_str());
      std::exit(1);
    }
  }
  std::ranges::sort(inputs);  // so that a number means the same mutant everywhere
  return inputs;
}

/// One of the inputs, changed in some places: a function of the number.
std::string mutant(const std::vector<std::string>& inputs, std::uint64_t number) {
  std::minstd_rand random(static_cast<std::minstd_rand::result_type>(number ^ number >> 31U));
  random.discard(2);
  const auto below = [&random](std::size_t end) { return end == 0 ? 0 : random() % end; };
  std::string bytes = inputs[below(inputs.size())];
  for (std::size_t left = 1 + below(6); left > 0; --left) {
    const std::size_t at = below(bytes.size() + 1);
    switch (below(6)) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random());
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.insert(at, 1 + below(8), static_cast<char>(below(3) == 0 ? 0xFF : random()));
        break;
      case 4: {  // a piece of another
        const std::string& other = inputs[below(inputs.size())];
        const std::size_t from = below(other.size());
        bytes.insert(at, other, from, 1 + below(64));
        break;
      }
      default:
        bytes.append(bytes, at, 1 + below(32));
    }
  }
  bytes.resize(std::min(bytes.size(), kMaxBytes));
  return bytes;
}

/// Gives so many mutants in a child. False where it dies of one, which then lies in a file.
bool give_mutants(const std::vector<std::string>& inputs, std::uint64_t first,
                  std::uint64_t count) {
  void* const shared = ::mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return false;
  auto* const current = new (shared) std::atomic<std::uint64_t>(first);
  const pid_t child = ::fork();
  if (child == 0) {
    for (std::uint64_t number = first; number < first + count; ++number) {
      current->store(number, std::memory_order_relaxed);
      give(mutant(inputs, number));
    }
    std::_Exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status == 0) return child >= 0;
  const std::string path = "mutant-" + std::to_string(*current);
  std::ofstream(path, std::ios::binary) << mutant(inputs, *current);
  std::fprintf(stderr, "died of mutant %llu, which is kept as %s\n",
               static_cast<unsigned long long>(*current), path.c_str());
  return false;
}

}  // namespace

/// Gives every file of the folder in argv[1] to a fuzz target, so that what once broke it is tested
/// by every compiler. The empty input comes first; a folder that is not there has only that one.
///
/// With a number behind it: then also so many mutants of them, beginning with number argv[3]. That
/// finds its way worse than libFuzzer does, and gives ten times as many inputs.
int main(int argc, char** argv) {
  const auto number = [&](int at, std::uint64_t otherwise) {
    std::uint64_t read = otherwise;
    if (argc > at) std::from_chars(argv[at], argv[at] + std::strlen(argv[at]), read);
    return read;
  };
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [MUTANTS [FIRST]]\n", argv[0]);
    return 2;
  }
  LLVMFuzzerTestOneInput(nullptr, 0);
  std::vector<std::string> inputs = read_all(argv[1]);
  for (const std::string& input : inputs) give(input);
  std::printf("replayed %zu inputs\n", inputs.size());
  const std::uint64_t mutants = number(2, 0);
  if (mutants == 0) return 0;
  if (inputs.empty()) inputs.emplace_back();
  if (!give_mutants(inputs, number(3, 0), mutants)) return 1;
  std::printf("gave %llu mutants\n", static_cast<unsigned long long>(mutants));
  return 0;
}
