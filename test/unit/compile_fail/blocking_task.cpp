// expect: corps: blocking\(\) runs a function to its end on this thread
#include "corps/blocking.hpp"
#include "corps/task.hpp"

corps::Task<int> read();

void wrong() {
  (void)corps::blocking([] { return read(); });
}
