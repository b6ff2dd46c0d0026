// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

// libFuzzer's entry; each target defines it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

bool replay(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad() || !in.is_open()) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return false;
  }
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the entry's own type for bytes.
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

/// Gives every file of the folder in argv[1] to a fuzz target, so that what once broke it is tested
/// by every compiler. The empty input comes first; a folder that is not there has only that one.
int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  LLVMFuzzerTestOneInput(nullptr, 0);
  std::size_t inputs = 0;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1], none)) {
    if (!entry.is_regular_file()) continue;
    if (!replay(entry.path())) return 1;
    ++inputs;
  }
  std::printf("replayed %zu inputs\n", inputs);
  return 0;
}
