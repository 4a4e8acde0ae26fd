// A protocol over several requests with one client: begin, any number of parts, end. While a client is served, the requests of
// the others wait; nobody's parts get into another one's text.
#include <corps/corps.hpp>
#include <cstdio>

class Archive : public corps::Conc {
 public:
  static constexpr bool corps_receives = true;

  void begin(std::string title) { text_ = title + ":"; }
  void add(std::string part) { text_ += " " + part; }
  std::string end() { return text_; }

 private:
  corps::Task<> on_main() override {
    for (;;) {
      auto const begun = co_await corps::receive(*this).only<&Archive::begin>();
      for (bool goes_on = true; goes_on;) {
        auto const request = co_await corps::receive(*this).from(begun.caller()).only<&Archive::add, &Archive::end>();
        goes_on = !request.is<&Archive::end>();
      }
    }
  }
  std::string text_;
};

class Writer : public corps::Conc {
 public:
  corps::Task<std::string> write(corps::Name<Archive> archive, std::string title, int parts) {
    co_await archive.call<&Archive::begin>(title);
    for (int part = 1; part <= parts; ++part) co_await archive.call<&Archive::add>("part " + std::to_string(part));
    co_return co_await archive.call<&Archive::end>();
  }
};

class Library : public corps::Corps {
  corps::Task<> on_main() override {
    auto archive = co_await corps::create<Archive>(corps::here());
    auto writers = co_await corps::create<Writer>(corps::anywhere(3));
    std::vector<corps::Future<std::string>> texts;
    for (std::size_t i = 0; i < writers.size(); ++i)
      texts.push_back(writers[i].call<&Writer::write>(archive, "book " + std::to_string(i + 1), 3));
    for (auto& text : texts) {
      auto line = co_await text;
      std::puts(line.c_str());
    }
  }
};

int main(int argc, char** argv) { return corps::run<Library>(argc, argv); }
