# One helper for every module: a folder under src/ is a static library, its tests stand beside it.

include(GoogleTest)

add_library(gpuvigil_warnings INTERFACE)
if(GPUVIGIL_DEV)
  target_compile_options(gpuvigil_warnings INTERFACE
    -Wall -Wextra
    -Wno-missing-field-initializers  # designated initialisers leave the rest at their defaults
    -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
    -Werror -Wno-error=deprecated-declarations
    # GCC 12 warns falsely of "x" + std::string (PR105651) and of optionals that it cannot follow
    # (PR80635).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-maybe-uninitialized>)
  target_compile_definitions(gpuvigil_warnings INTERFACE GPUVIGIL_FAILPOINTS=1)
endif()

# The same for what is written in C.
add_library(gpuvigil_c_warnings INTERFACE)
if(GPUVIGIL_DEV)
  target_compile_options(gpuvigil_c_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Werror)
endif()

# What `make test-long` builds with TSan: every test of CONCURRENT_TESTS. A test outside src/ joins
# by add_dependencies(concurrent_tests ...) and the label "concurrent".
if(GPUVIGIL_DEV)
  add_custom_target(concurrent_tests)
endif()

# gpuvigil_module(alert SOURCES rule.cc DEPS model LIBS fmt::fmt TESTS rule_test.cc)
#   DEPS              modules of ours this one may include (tools/check_layers.py holds the law)
#   LIBS              other people's libraries, private to this module's sources
#   TESTS             one program <name>_test, label unit
#   CONCURRENT_TESTS  one program <name>_concurrent_test, label concurrent: also with TSan
#   LONG_TESTS        one program <name>_long_test, label long: only in `make test-long`
#   TEST_DEPS         modules that only the tests use
#   FUZZ              foo_fuzz.cc: a libFuzzer entry, replayed over fuzz/corpus/foo as a test
function(gpuvigil_module name)
  cmake_parse_arguments(arg "" ""
    "SOURCES;DEPS;LIBS;TESTS;CONCURRENT_TESTS;LONG_TESTS;TEST_DEPS;FUZZ" ${ARGN})
  set(target gpuvigil_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(gpuvigil::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC
    "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  list(TRANSFORM arg_DEPS PREPEND gpuvigil::)
  list(TRANSFORM arg_TEST_DEPS PREPEND gpuvigil::)
  target_link_libraries(${target} PUBLIC ${arg_DEPS} fmt::fmt Threads::Threads
                                  PRIVATE ${arg_LIBS} gpuvigil_warnings)
  set(test_libs ${target} ${arg_TEST_DEPS} ${arg_LIBS})
  if(arg_TESTS)
    gpuvigil_test(${name}_test PREFIX ${name} LABEL unit SOURCES ${arg_TESTS} LIBS ${test_libs})
  endif()
  if(arg_CONCURRENT_TESTS)
    gpuvigil_test(${name}_concurrent_test PREFIX ${name} LABEL concurrent
                  SOURCES ${arg_CONCURRENT_TESTS} LIBS ${test_libs})
  endif()
  if(arg_LONG_TESTS)
    gpuvigil_test(${name}_long_test PREFIX ${name} LABEL long TIMEOUT 1200
                  SOURCES ${arg_LONG_TESTS} LIBS ${test_libs})
  endif()
  foreach(source IN LISTS arg_FUZZ)
    gpuvigil_fuzz(${source} ${test_libs})
  endforeach()
endfunction()

# gpuvigil_test(alert_test PREFIX alert LABEL unit SOURCES rule_test.cc LIBS gpuvigil_alert)
# One GoogleTest program whose cases ctest knows as PREFIX/Suite.Case.
function(gpuvigil_test name)
  if(NOT GPUVIGIL_DEV)
    return()
  endif()
  cmake_parse_arguments(arg "" "PREFIX;LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} gpuvigil_warnings
                        GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
  # Tests are half of all sources and are built more often than they run; what they test is -O1.
  target_compile_options(${name} PRIVATE -O0)
  # "unit;concurrent" has to survive a script that is written at configure time and read by ctest.
  gtest_discover_tests(${name} TEST_PREFIX "${arg_PREFIX}/" DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
  if(arg_LABEL STREQUAL concurrent)
    add_dependencies(concurrent_tests ${name})
  endif()
endfunction()

# gpuvigil_fuzz(kineto_fuzz.cc gpuvigil_trace): the libFuzzer target kineto_fuzz where GPUVIGIL_FUZZ
# is on; in a development build a test that replays fuzz/corpus/kineto through the same entry.
function(gpuvigil_fuzz source)
  get_filename_component(target ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${target})
  if(GPUVIGIL_FUZZ)
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE ${ARGN} gpuvigil_warnings -fsanitize=fuzzer)
    set_target_properties(${target} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/fuzz")
    add_dependencies(fuzz_targets ${target})
  elseif(GPUVIGIL_DEV)
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE ${ARGN} gpuvigil_warnings gpuvigil_fuzz_replay)
    add_test(NAME fuzz/${name} COMMAND ${target} "${PROJECT_SOURCE_DIR}/fuzz/corpus/${name}")
    set_tests_properties(fuzz/${name} PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()
