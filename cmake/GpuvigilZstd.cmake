# Zstandard: Debian's package has no configuration for CMake.
find_path(GPUVIGIL_ZSTD_INCLUDE zstd.h REQUIRED)
find_library(GPUVIGIL_ZSTD_LIBRARY zstd REQUIRED)
add_library(zstd::zstd INTERFACE IMPORTED GLOBAL)
target_include_directories(zstd::zstd SYSTEM INTERFACE "${GPUVIGIL_ZSTD_INCLUDE}")
target_link_libraries(zstd::zstd INTERFACE "${GPUVIGIL_ZSTD_LIBRARY}")
