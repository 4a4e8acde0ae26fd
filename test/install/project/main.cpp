#include <corps/error.hpp>
#include <iostream>

int main() {
  try {
    throw corps::Timeout("a call ended past its deadline");
  } catch (corps::Error const& error) {
    std::cout << corps::error_name(error.code()) << ": " << error.text() << "\n";
  }
}
