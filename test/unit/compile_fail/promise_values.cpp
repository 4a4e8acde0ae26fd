// expect: corps: a Promise is given one value; a Promise<void> none
// expect: corps: a Task answers when it ends; a method that returns a Later is no Task
#include "corps/conc.hpp"
#include "corps/name.hpp"
#include "corps/promise.hpp"

class Disk : public corps::Conc {
 public:
  corps::Task<corps::Later<int>> read();
};

void wrong(corps::Promise<void>& promise, corps::Name<Disk> const& disk) {
  promise.set_value(1);
  (void)disk.call<&Disk::read>();
}
