#include "guard/dw_library.h"

#include <dlfcn.h>

#include <type_traits>

namespace whorl::detail {

dw_library::dw_library() noexcept {
  void* handle = ::dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto find = [&](auto& function, const char* name) {
    if (handle != nullptr) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
    }
    usable = usable && function != nullptr;
  };
  find(begin, "dwfl_begin");
  find(end, "dwfl_end");
  find(report_more, "dwfl_report_begin_add");
  find(report_end, "dwfl_report_end");
  find(report_process, "dwfl_linux_proc_report");
  find(find_elf, "dwfl_linux_proc_find_elf");
  find(module_at, "dwfl_addrmodule");
  find(name_at, "dwfl_module_addrname");
  find(module_info, "dwfl_module_info");
  find(next_unit, "dwfl_module_nextcu");
  find(unit_has, "dwarf_haspc");
  find(line_at, "dwarf_getsrc_die");
  find(line_number, "dwarf_lineno");
  find(line_file, "dwarf_linesrc");
  find(scopes_at, "dwarf_getscopes");
  find(scopes_around, "dwarf_getscopes_die");
  find(tag_of, "dwarf_tag");
  find(plain_name_of, "dwarf_diename");
  find(attribute_of, "dwarf_attr_integrate");
  find(text_of, "dwarf_formstring");
  find(number_of, "dwarf_formudata");
  find(files_of, "dwarf_getsrcfiles");
  find(file_name, "dwarf_filesrc");
  find(each_module, "dwfl_getmodules");
  find(symbol_count, "dwfl_module_getsymtab");
  find(symbol_at, "dwfl_module_getsym_info");
  find(attach, "dwfl_attach_state");
  find(each_frame, "dwfl_getthread_frames");
  find(set_registers, "dwfl_thread_state_registers");
  find(set_instruction, "dwfl_thread_state_register_pc");
  find(instruction_of, "dwfl_frame_pc");
  find(register_of, "dwfl_frame_reg");
  find(tables_of, "dwfl_module_eh_cfi");
  find(row_at, "dwarf_cfi_addrframe");
  find(range_of_row, "dwarf_frame_info");
}

const dw_library& dw_library::of_program() {
  static const auto& one = *new dw_library;
  return one;
}

}  // namespace whorl::detail
