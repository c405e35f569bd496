# A formatter of RSpec: a line a case.
class LineFormatter
  RSpec::Core::Formatters.register self, :example_passed, :example_failed, :example_pending

  def initialize(output)
    @output = output
  end

  def example_passed(notification) = say("PASS", notification.example)

  def example_pending(notification) = say("SKIP", notification.example)

  def example_failed(notification)
    say("FAIL", notification.example)
    @output.puts "#   #{notification.exception.class}: #{notification.exception.message.gsub(/\s+/, ' ')}"
  end

  private

  def say(verdict, example)
    file = example.file_path.sub(%r{^\./spec/}, "")
    @output.puts "#{verdict} #{file} #{example.full_description.gsub(/\s+/, ' ')}"
  end
end
