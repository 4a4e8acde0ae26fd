# One interface target carries every flag that this project compiles itself with. It is linked PRIVATE only: an application
# that links corps::corps chooses its own flags.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(corps_flags INTERFACE)
target_compile_features(corps_flags INTERFACE cxx_std_20)
target_compile_options(corps_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
  # An Env is an executable and the library is static, so position independent executables are all that is needed; one flag
  # for every target lets them share the precompiled header.
  -fPIE -fstack-protector-strong
  # What is fetched to be written is fetched once. Where a core has no such instruction, it does nothing.
  $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-mprfchw>
  # __FILE__ and source_location name files from the root of the project on every machine.
  -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=
  $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>
  $<$<CONFIG:Debug>:-D_GLIBCXX_ASSERTIONS>
  # Lets ccache reuse what was compiled with a precompiled header.
  $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
target_link_options(corps_flags INTERFACE -pie -Wl,-z,relro,-z,now,--as-needed)

if(CORPS_SANITIZE)
  target_compile_options(corps_flags INTERFACE
    # GCC collects what it no longer needs only past half a GiB: the tenth part of its time otherwise.
    $<$<CXX_COMPILER_ID:GNU>:SHELL:--param=ggc-min-expand=100 --param=ggc-min-heapsize=524288>
    -fsanitize=${CORPS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(corps_flags INTERFACE -fsanitize=${CORPS_SANITIZE})
endif()
if(CORPS_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The thread sanitizer does not see fences. Those of libraries stay; ours are refused by `dev check`.
  target_compile_options(corps_flags INTERFACE -Wno-tsan)
endif()
if(CORPS_FUZZ)
  target_compile_options(corps_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(CORPS_CCACHE ccache)
if(CORPS_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${CORPS_CCACHE})
endif()
