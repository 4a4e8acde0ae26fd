# Everything comes from Debian packages; `dev setup` installs them.
find_package(Threads REQUIRED)
find_package(CAF REQUIRED COMPONENTS core)
find_package(cereal REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(ISAL REQUIRED)
# Linked statically: the little of it that links need starts faster than the whole library is loaded, in every Env.
set(OPENSSL_USE_STATIC_LIBS TRUE)
find_package(OpenSSL 3 REQUIRED COMPONENTS SSL Crypto)

# toml++ and CLI11 are used as headers only, by the implementation only.
find_path(CORPS_TOML_INCLUDE_DIR toml++/toml.h REQUIRED)
find_path(CORPS_CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
add_library(corps_header_only INTERFACE)
target_include_directories(corps_header_only SYSTEM INTERFACE
  ${CORPS_TOML_INCLUDE_DIR} ${CORPS_CLI11_INCLUDE_DIR})

if(CORPS_TESTS)
  find_package(doctest REQUIRED)
  find_program(CORPS_PYTHON python3 REQUIRED)
endif()
