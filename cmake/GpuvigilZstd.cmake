# Zstandard: Debian's package has no configuration for CMake.
find_path(GPUVIGIL_ZSTD_INCLUDE zstd.h REQUIRED)
find_library(GPUVIGIL_ZSTD_LIBRARY zstd REQUIRED)
add_library(gpuvigil_zstd INTERFACE)
target_include_directories(gpuvigil_zstd SYSTEM INTERFACE "${GPUVIGIL_ZSTD_INCLUDE}")
target_link_libraries(gpuvigil_zstd INTERFACE "${GPUVIGIL_ZSTD_LIBRARY}")
