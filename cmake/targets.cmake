# Warnings are errors in our code; libraries and tests are declared through these so that all get the same.
set(LARDER_WARNINGS
    -Wall
    -Wextra
    -Werror
    -Wshadow
    -Wconversion
    -Wsign-conversion
    -Wnon-virtual-dtor
    -Woverloaded-virtual
    -Wimplicit-fallthrough
    -Wswitch-enum)

# GCC 12 reports false positives of these in inlined library code at -O2 and under sanitizers.
set(LARDER_WARNINGS_OFF -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND LARDER_WARNINGS_OFF -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
       -Wno-tsan)
endif()

# Tests run what is optimised; optimising them too doubles the time to compile them.
set(LARDER_TEST_OPTIONS $<$<CONFIG:RelWithDebInfo>:-O0>)

# The standard headers that nearly every file includes, compiled once: a third of a full build's time. Off for clang-tidy
# and for clang, which take them as text.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  option(LARDER_PCH "Precompile the standard headers" ON)
else()
  set(LARDER_PCH OFF)
endif()
set(LARDER_COMMON_HEADERS
    <algorithm> <chrono> <cstdint> <deque> <functional> <map> <memory> <optional> <set> <string> <string_view> <utility>
    <variant> <vector> <fmt/format.h> <tl/expected.hpp>)
if(LARDER_PCH)
  file(WRITE ${CMAKE_BINARY_DIR}/pch/empty.cpp "")
  add_library(larder_pch OBJECT ${CMAKE_BINARY_DIR}/pch/empty.cpp)
  target_precompile_headers(larder_pch PRIVATE ${LARDER_COMMON_HEADERS})
  add_library(larder_test_pch OBJECT ${CMAKE_BINARY_DIR}/pch/empty.cpp)
  target_link_libraries(larder_test_pch PRIVATE GTest::gmock)
  target_precompile_headers(larder_test_pch PRIVATE ${LARDER_COMMON_HEADERS} <gmock/gmock.h> <gtest/gtest.h>)
  target_compile_options(larder_test_pch PRIVATE ${LARDER_TEST_OPTIONS})
  foreach(target larder_pch larder_test_pch)
    target_link_libraries(${target} PRIVATE fmt::fmt)
    target_compile_options(${target} PRIVATE ${LARDER_WARNINGS} ${LARDER_WARNINGS_OFF})
  endforeach()
  # What fmt defines must be the same wherever its precompiled header is used.
  add_compile_definitions($<TARGET_PROPERTY:fmt::fmt,INTERFACE_COMPILE_DEFINITIONS>)
endif()

function(larder_precompiled target from)
  if(LARDER_PCH)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

function(larder_options target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE ${LARDER_WARNINGS} ${LARDER_WARNINGS_OFF})
endfunction()

# Half the time of a full build, and more of each small one: for builds that are made once, such as the sanitizers' in CI.
option(LARDER_UNITY "Compile several sources of a target at once" OFF)

# Unnamed namespaces of neighbouring sources lie in one unit: a local name may hide what another source declares, and a type
# may use theirs. The sanitizers' builds would only repeat what the optimised one has said.
set(LARDER_UNITY_WARNINGS_OFF -Wno-subobject-linkage -Wno-shadow -Wshadow=local $<$<CONFIG:Debug>:-w>)

function(larder_unity name)  # NAME source that stands alone…; after larder_options, whose warnings it takes back
  if(LARDER_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    target_compile_options(${name} PRIVATE ${LARDER_UNITY_WARNINGS_OFF})
  endif()
endfunction()

# larder_library(NAME SOURCES a.cpp… LINK lib… ALONE a.cpp…): a static library; LINK is public. ALONE are those of the
# sources that cannot be compiled together with their neighbours, for they have local names in common with them.
function(larder_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK;ALONE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
  larder_options(${name})
  larder_unity(${name} ${ARG_ALONE})
  larder_precompiled(${name} larder_pch)
endfunction()

# Under a sanitizer a program takes longer to start than most of its tests to run.
option(LARDER_WHOLE_TESTS "One CTest entry for each test program, in place of one for each of its cases" OFF)

# larder_test(NAME SOURCES a_test.cpp… LINK lib… LABEL unit|sim|fault|net|fuzz ALONE a_test.cpp… SHARDS n): one GoogleTest
# program, one CTest entry per test case, with a time limit. With LARDER_WHOLE_TESTS it is the entries NAME.1 to NAME.n
# (n is 1 unless SHARDS says more), each of which runs a share of the cases: those of a long program run side by side.
include(GoogleTest)
function(larder_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT;SHARDS" "SOURCES;LINK;ALONE" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  larder_options(${name})
  larder_unity(${name} ${ARG_ALONE})
  target_compile_options(${name} PRIVATE ${LARDER_TEST_OPTIONS})
  larder_precompiled(${name} larder_test_pch)
  if(LARDER_WHOLE_TESTS)
    larder_whole_test(${name} "${ARG_LABEL}" "${ARG_SHARDS}")
    return()
  endif()
  gtest_discover_tests(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT} DISCOVERY_TIMEOUT 60
                       DISCOVERY_MODE PRE_TEST)
endfunction()

function(larder_whole_test name label shards)
  foreach(shard RANGE 1 ${shards})
    math(EXPR index "${shard} - 1")
    add_test(NAME ${name}.${shard} COMMAND ${name} --gtest_brief=1)
    set_tests_properties(${name}.${shard} PROPERTIES LABELS "${label}" TIMEOUT 900 ENVIRONMENT
                                          "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()
