// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <stdlib.h>

namespace gpuvigil::testing {

/// A folder of a test's own, gone with it.
class Tree {
 public:
  Tree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tree-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~Tree() { std::filesystem::remove_all(root_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  [[nodiscard]] std::string path(const std::string& below) const { return root_ + "/" + below; }

  void write(const std::string& below, std::string_view bytes) const {
    make_parent(below);
    // Replaced at once: a thread that reads meanwhile sees the old bytes or the new ones.
    const std::string made = path(below) + ".new";
    std::ofstream(made, std::ios::binary) << bytes;
    std::filesystem::rename(made, path(below));
  }
  void link(const std::string& below, const std::string& to) const {
    make_parent(below);
    std::filesystem::create_symlink(to, path(below));
  }
  void remove(const std::string& below) const { std::filesystem::remove_all(path(below)); }

 private:
  void make_parent(const std::string& below) const {
    std::filesystem::create_directories(std::filesystem::path(path(below)).parent_path());
  }
  std::string root_;
};

}  // namespace gpuvigil::testing
