# One function for each kind of target. Sources are found by folder: a new file needs no line here. A target whose sources
# do not exist is left out.

# Two precompiled headers, each compiled once and shared: one for the library and its programs, one for the tests. The tests
# are compiled without optimisation in Debug: with a sanitizer their assertions take four times as long otherwise.
add_library(corps_test_flags INTERFACE)
target_link_libraries(corps_test_flags INTERFACE corps_flags)
if(CORPS_SANITIZE_TESTS_LESS)
  # Half of the time that the tests take to compile for the address sanitizer goes into `null` and `alignment`. It finds what is read or
  # written through a null pointer by itself; the library, and the programs of the system tests of the same templates, keep both.
  target_compile_options(corps_test_flags INTERFACE -fno-sanitize=${CORPS_SANITIZE_TESTS_LESS})
endif()
target_compile_options(corps_test_flags INTERFACE
  $<$<CONFIG:Debug>:-O0>
  # GCC 12 sees overflows that cannot happen in strings that it builds in one expression with -O2.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-restrict>)

function(corps_add_pch name flags)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/generated/${name}.cpp)
  target_link_libraries(${name} PRIVATE ${flags} fmt::fmt)
  target_precompile_headers(${name} PRIVATE
    <algorithm> <array> <atomic> <bit> <charconv> <chrono> <concepts> <condition_variable> <coroutine> <cstddef> <cstdint>
    <cstring> <deque> <exception> <filesystem> <fstream> <functional> <iostream> <limits> <map> <memory> <mutex> <new>
    <optional> <random> <set> <source_location> <span> <sstream> <stdexcept> <string> <string_view> <system_error> <thread>
    <tuple> <type_traits> <unordered_map> <utility> <variant> <vector>
    <fmt/format.h> ${ARGN})
endfunction()

if(CORPS_PCH)
  corps_add_pch(corps_pch corps_flags)
  if(CORPS_TESTS)
    corps_add_pch(corps_test_pch corps_test_flags <doctest/doctest.h>)
  endif()
endif()

# corps_use_pch(<target> <corps_pch or corps_test_pch>)
function(corps_use_pch target pch)
  if(CORPS_PCH)
    target_link_libraries(${target} PRIVATE fmt::fmt)  # its definitions are part of the precompiled header
    target_precompile_headers(${target} REUSE_FROM ${pch})
  endif()
endfunction()

# corps_find_sources(<variable> FOLDER <folder> [EXCLUDE <folder>...]): every .cpp below a folder of the project.
function(corps_find_sources variable)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "EXCLUDE")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${arg_FOLDER}/*.cpp)
  foreach(folder IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "^${PROJECT_SOURCE_DIR}/${folder}/")
  endforeach()
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

# corps_add_library(<name>): the one library that is installed; its parts are added by corps_add_library_part.
function(corps_add_library name)
  add_library(${name} STATIC)
  add_library(corps::${name} ALIAS ${name})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
  target_link_libraries(${name} PUBLIC cereal::cereal Threads::Threads)
endfunction()

# corps_add_library_part(<library> FOLDER <folder> [EXCLUDE <folder>...] [LIBRARIES <target>...]): the sources of one room
# of the house, compiled with only the libraries that belong there.
function(corps_add_library_part library)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "EXCLUDE;LIBRARIES")
  corps_find_sources(sources FOLDER ${arg_FOLDER} EXCLUDE ${arg_EXCLUDE})
  if(NOT sources)
    return()
  endif()
  set(part ${library}_part_${arg_FOLDER})
  add_library(${part} OBJECT ${sources})
  target_include_directories(${part} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(${part} PRIVATE corps_flags Threads::Threads ${arg_LIBRARIES})
  corps_use_pch(${part} corps_pch)
  target_sources(${library} PRIVATE $<TARGET_OBJECTS:${part}>)
  foreach(dependency IN LISTS arg_LIBRARIES)
    if(NOT dependency STREQUAL corps_header_only)
      target_link_libraries(${library} PRIVATE ${dependency})
    endif()
  endforeach()
endfunction()

function(corps_add_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE corps_flags corps::corps ${arg_LIBRARIES})
  target_include_directories(${name} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()

# corps_add_command(<name> OUTPUT_NAME <file> FOLDER <folder>): the command line program; found in bin/ of the build.
function(corps_add_command name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "OUTPUT_NAME;FOLDER" "")
  corps_find_sources(sources FOLDER ${arg_FOLDER})
  if(NOT sources)
    return()
  endif()
  corps_add_executable(${name} SOURCES ${sources} LIBRARIES fmt::fmt corps_header_only)
  set_target_properties(${name} PROPERTIES OUTPUT_NAME ${arg_OUTPUT_NAME} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  corps_use_pch(${name} corps_pch)
endfunction()

# corps_add_example(<name> [LIBRARIES <target>...]): the sources of this folder, compiled as an application would be:
# against the public headers, without precompiled ones. All but main.cpp are in <name>_parts as well, for the unit tests.
function(corps_add_example name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES")
  file(GLOB parts CONFIGURE_DEPENDS *.cpp)
  set(main ${CMAKE_CURRENT_SOURCE_DIR}/main.cpp)
  if(NOT EXISTS ${main})
    set(main ${CMAKE_CURRENT_SOURCE_DIR}/${name}.cpp)  # an example of one file
  endif()
  list(REMOVE_ITEM parts ${main})
  set(libraries ${arg_LIBRARIES})
  if(parts)
    add_library(${name}_parts OBJECT ${parts})
    target_link_libraries(${name}_parts PRIVATE corps_flags PUBLIC corps::corps ${arg_LIBRARIES})
    list(PREPEND libraries ${name}_parts)
  endif()
  if(EXISTS ${main})
    corps_add_executable(${name} SOURCES ${main} LIBRARIES ${libraries})
  endif()
endfunction()

# corps_add_test(<name> COMMAND <command>... [LABELS <label>...] [TIMEOUT <seconds>] [SERIAL]): a test for CTest, with the
# settings that every test of this project gets.
function(corps_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "COMMAND;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  set(environment
    TEST_BUILD_DIR=${PROJECT_BINARY_DIR}
    TEST_SOURCE_DIR=${PROJECT_SOURCE_DIR}
    PYTHONDONTWRITEBYTECODE=1
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
    UBSAN_OPTIONS=print_stacktrace=1
    TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/test/tsan.supp:second_deadlock_stack=1)
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
                       ENVIRONMENT "${environment}")
  if(arg_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# corps_add_kit(<name> FOLDER <folder>): the library that tests are written with.
function(corps_add_kit name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "")
  corps_find_sources(sources FOLDER ${arg_FOLDER})
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PRIVATE corps_flags fmt::fmt PUBLIC corps::corps)
  corps_use_pch(${name} corps_pch)
endfunction()

# corps_add_unit_tests(<target> FOLDER <folder> [LIBRARIES <target>...]): one program of all *_test.cpp of a folder, one
# CTest test for each file. What two files have in common is compiled once where several are compiled as one; each keeps its
# names in a namespace of its own, called like the file.
function(corps_add_unit_tests target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "LIBRARIES")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${arg_FOLDER}/*_test.cpp)
  corps_add_executable(${target} SOURCES ${PROJECT_SOURCE_DIR}/${arg_FOLDER}/main.cpp ${sources}
                       LIBRARIES corps_test_flags doctest::doctest fmt::fmt spdlog::spdlog CAF::core OpenSSL::SSL OpenSSL::Crypto
                                 corps_header_only ${arg_LIBRARIES})
  target_compile_definitions(${target} PRIVATE CORPS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  corps_use_pch(${target} corps_test_pch)
  if(CORPS_TESTS_AT_ONCE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${CORPS_TESTS_AT_ONCE})
    set_source_files_properties(${PROJECT_SOURCE_DIR}/${arg_FOLDER}/main.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    # GCC looks at who sees a frame of a coroutine of a lambda only in files that are included, as these are now.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM stem)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE file)
    string(REGEX REPLACE "_test$" "" area ${stem})
    corps_add_test(unit.${area} COMMAND ${target} --source-file=*${file} LABELS unit)
  endforeach()
endfunction()

# corps_add_exploration(<source> <more>...): a program that runs some of the real sources, which <source> includes, in every order
# of their operations. Of what those want of the rest of the runtime it defines what is run; the linker drops the rest.
function(corps_add_exploration source)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source} ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  target_compile_options(${name} PRIVATE -O2 -fno-pie -ffunction-sections -fdata-sections)
  target_link_options(${name} PRIVATE -no-pie LINKER:--gc-sections LINKER:--unresolved-symbols=ignore-all)
  target_link_libraries(${name} PRIVATE corps_flags corps_header_only doctest::doctest fmt::fmt cereal::cereal CAF::core)
  corps_add_test(explore.${name} COMMAND ${name} LABELS explore TIMEOUT 180)
  corps_add_test(full.${name} COMMAND ${name} LABELS full TIMEOUT 900)
  set_property(TEST full.${name} APPEND PROPERTY ENVIRONMENT TEST_FULL=1)
endfunction()

# corps_add_fuzz(<source>): one libFuzzer program for one *_fuzz.cpp.
function(corps_add_fuzz source)
  cmake_path(GET source STEM name)
  corps_add_executable(${name} SOURCES ${source} LIBRARIES fmt::fmt spdlog::spdlog CAF::core corps_header_only)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  corps_use_pch(${name} corps_pch)
endfunction()

# corps_add_headers_alone(<target>): every header of the project compiled as a file of its own, without precompiled headers.
function(corps_add_headers_alone target)
  set(folders corps env workers admin test)
  list(TRANSFORM folders PREPEND ${PROJECT_SOURCE_DIR}/)
  list(TRANSFORM folders APPEND /*.hpp)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${folders})
  set(sources)
  foreach(header IN LISTS headers)
    cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE file)
    string(REPLACE "/" "-" name ${file})
    set(source ${PROJECT_BINARY_DIR}/generated/headers_alone/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${file}\"\n")
    list(APPEND sources ${source})
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_library(${target} OBJECT EXCLUDE_FROM_ALL ${sources})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  target_compile_options(${target} PRIVATE -O0 -g0)
  target_link_libraries(${target} PRIVATE corps_flags Threads::Threads cereal::cereal fmt::fmt spdlog::spdlog CAF::core OpenSSL::SSL
                        ISAL::isal doctest::doctest corps_header_only)
endfunction()

# corps_add_identity_test(<name> <source>): the program must print the same, compiled by this build's compiler and by <other>.
function(corps_add_identity_test name source)
  find_program(CORPS_GXX g++ REQUIRED)
  find_program(CORPS_CLANGXX clang++-16 REQUIRED)
  set(programs)
  foreach(compiler IN ITEMS gxx clangxx)
    string(TOUPPER CORPS_${compiler} path)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}_${compiler}.o)
    add_custom_command(OUTPUT ${object} DEPENDS ${source} DEPFILE ${object}.d COMMENT "Building ${name} with ${${path}}"
      COMMAND ${${path}} -std=c++20 -O1 -fPIE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I${PROJECT_SOURCE_DIR}
              -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object})
    add_executable(${name}_${compiler} ${object})
    set_target_properties(${name}_${compiler} PROPERTIES LINKER_LANGUAGE CXX)
    target_link_libraries(${name}_${compiler} PRIVATE corps_flags corps::corps)
    list(APPEND programs $<TARGET_FILE:${name}_${compiler}>)
  endforeach()
  corps_add_test(${name} COMMAND ${CORPS_PYTHON} ${PROJECT_SOURCE_DIR}/test/system/same_output.py ${programs} LABELS compile)
endfunction()
