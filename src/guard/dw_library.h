// The functions of libdw that are used here. It is loaded when a stack is first resolved: a program that is never stuck does
// without it and what it brings.
#pragma once

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

namespace whorl::detail {

struct dw_library {
  // Loaded once, and never given back: threads may ask while the program ends. Where it is not installed, it is not usable.
  static const dw_library& of_program();

  bool usable = true;
  decltype(&dwfl_begin) begin = nullptr;
  decltype(&dwfl_end) end = nullptr;
  decltype(&dwfl_report_begin_add) report_more = nullptr;
  decltype(&dwfl_report_end) report_end = nullptr;
  decltype(&dwfl_linux_proc_report) report_process = nullptr;
  decltype(&dwfl_linux_proc_find_elf) find_elf = nullptr;
  decltype(&dwfl_addrmodule) module_at = nullptr;
  decltype(&dwfl_module_addrname) name_at = nullptr;
  decltype(&dwfl_module_info) module_info = nullptr;
  decltype(&dwfl_module_nextcu) next_unit = nullptr;
  decltype(&dwarf_haspc) unit_has = nullptr;
  decltype(&dwarf_getsrc_die) line_at = nullptr;
  decltype(&dwarf_lineno) line_number = nullptr;
  decltype(&dwarf_linesrc) line_file = nullptr;
  decltype(&dwarf_getscopes) scopes_at = nullptr;
  decltype(&dwarf_getscopes_die) scopes_around = nullptr;
  decltype(&dwarf_tag) tag_of = nullptr;
  decltype(&dwarf_diename) plain_name_of = nullptr;
  decltype(&dwarf_attr_integrate) attribute_of = nullptr;
  decltype(&dwarf_formstring) text_of = nullptr;
  decltype(&dwarf_formudata) number_of = nullptr;
  decltype(&dwarf_getsrcfiles) files_of = nullptr;
  decltype(&dwarf_filesrc) file_name = nullptr;
  decltype(&dwfl_getmodules) each_module = nullptr;
  decltype(&dwfl_module_getsymtab) symbol_count = nullptr;
  decltype(&dwfl_module_getsym_info) symbol_at = nullptr;
  decltype(&dwfl_attach_state) attach = nullptr;
  decltype(&dwfl_getthread_frames) each_frame = nullptr;
  decltype(&dwfl_thread_state_registers) set_registers = nullptr;
  decltype(&dwfl_thread_state_register_pc) set_instruction = nullptr;
  decltype(&dwfl_frame_pc) instruction_of = nullptr;
  decltype(&dwfl_frame_reg) register_of = nullptr;
  decltype(&dwfl_module_eh_cfi) tables_of = nullptr;
  decltype(&dwarf_cfi_addrframe) row_at = nullptr;
  decltype(&dwarf_frame_info) range_of_row = nullptr;

 private:
  dw_library() noexcept;
};

}  // namespace whorl::detail
