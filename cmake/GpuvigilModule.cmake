# One helper for every module: a folder under src/ is a static library, its tests stand beside it.

include(GoogleTest)

add_library(gpuvigil_warnings INTERFACE)
if(GPUVIGIL_DEV)
  target_compile_options(gpuvigil_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
    -Werror -Wno-error=deprecated-declarations
    # GCC 12 warns falsely of "x" + std::string (PR105651) and of optionals it cannot follow (PR80635).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-maybe-uninitialized>)
  target_compile_definitions(gpuvigil_warnings INTERFACE GPUVIGIL_FAILPOINTS=1)
endif()

# gpuvigil_module(alert SOURCES rule.cc DEPS model LIBS fmt::fmt TESTS rule_test.cc)
#   DEPS  modules of ours this one may include (tools/check_layers.py holds the law)
#   LIBS  other people's libraries, private to this module's sources
function(gpuvigil_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;LIBS;TESTS;TEST_DEPS" ${ARGN})
  set(target gpuvigil_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(gpuvigil::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC
    "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  list(TRANSFORM arg_DEPS PREPEND gpuvigil::)
  list(TRANSFORM arg_TEST_DEPS PREPEND gpuvigil::)
  target_link_libraries(${target} PUBLIC ${arg_DEPS} fmt::fmt-header-only Threads::Threads
                                  PRIVATE ${arg_LIBS} gpuvigil_warnings)
  if(GPUVIGIL_DEV AND arg_TESTS)
    add_executable(${name}_test ${arg_TESTS})
    target_link_libraries(${name}_test PRIVATE ${target} ${arg_TEST_DEPS} ${arg_LIBS}
                          gpuvigil_warnings GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}/" DISCOVERY_TIMEOUT 60
                         PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()
