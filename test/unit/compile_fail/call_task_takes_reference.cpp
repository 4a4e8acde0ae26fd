// expect: corps: a Task takes its parameters by value
#include <corps/corps.hpp>

struct One : corps::Conc {
  corps::Task<int> length(std::string const& text) { co_return static_cast<int>(text.size()); }
};

void call(corps::Name<One> one) { one.tell<&One::length>("text"); }
